#!/bin/sh
# Entry point of the container vsa-nginx: starts the reloader beside NGINX, then becomes NGINX (PID 1).
# $@ is the command of compose.yml.
set -eu

# What a killed NGINX left of bodies and answers that it had buffered.
rm -rf /var/cache/nginx/*_temp

mkdir -p /run/vsa
# What NGINX reads. A transaction points it to a generation that is yet to be proven, and `current` follows when it is; so
# whatever happens in between, NGINX starts with the one before.
ln -sfn "/etc/nginx/vsa/$(readlink /etc/nginx/vsa/current)/nginx.conf" /run/vsa/nginx.conf
# NGINX reads every certificate anew now: what certbot asked for until here is done.
cat /etc/letsencrypt/vsa-reload >/run/vsa/reload-seen 2>/dev/null || :

# The loop around it brings the reloader back when it ends: because it failed, or because its file changed.
(
    trap '' HUP QUIT INT
    while :; do
        /bin/sh /opt/vsa/nginx-reloader.sh || echo "vsa: the reloader ended ($?), it is started again" >&2
        sleep 1
    done
) &

exec "$@"
