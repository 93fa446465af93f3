#!/bin/sh
# Entry point of the container vsa-nginx: starts the reloader in the background, then becomes NGINX (PID 1).
# $@ is the command of compose.yml.
set -eu

# Remove the buffered requests and responses that a killed NGINX left.
rm -rf /var/cache/nginx/*_temp

mkdir -p /run/vsa
# The link that NGINX reads. A transaction points this link to a generation that is not proven yet, and changes `current` only
# after the proof. So NGINX always starts with the last proven generation, whatever happens in between.
ln -sfn "/etc/nginx/vsa/$(readlink /etc/nginx/vsa/current)/nginx.conf" /run/vsa/nginx.conf
# NGINX reads every certificate when it starts, so no reload is due for the renewals until now.
cat /etc/letsencrypt/vsa-reload >/run/vsa/reload-seen 2>/dev/null || :

# The loop starts the reloader again when it ends: after a failure, or because its file has a new version.
(
    trap '' HUP QUIT INT
    while :; do
        /bin/sh /opt/vsa/nginx-reloader.sh || echo "vsa: the reloader ended ($?), it is started again" >&2
        sleep 1
    done
) &

exec "$@"
