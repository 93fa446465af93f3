#!/bin/sh
# Runs certbot under a lock: the renewal loop and `vsa cert issue` never run it at the same time.
# $@ are certbot's arguments; standard output and error are certbot's own.
set -eu
. /opt/vsa/lock.sh

# A custom CA (vsa.yml: ca_bundle) is trusted in addition to the public CAs, never instead of them.
custom=/etc/letsencrypt/vsa-ca.pem
if [ -s "$custom" ]; then
    system=/etc/ssl/certs/ca-certificates.crt
    [ -s "$system" ] || system=$(python3 -c 'import certifi; print(certifi.where())')
    bundle=$(mktemp /tmp/vsa-ca.XXXXXX)
    trap 'rm -f "$bundle"' EXIT
    cat "$system" "$custom" >"$bundle"
    REQUESTS_CA_BUNDLE=$bundle
    export REQUESTS_CA_BUNDLE
fi

umask 027
exec 9>/etc/letsencrypt/vsa-certbot.lock
if ! wait_for_lock 9 600; then
    echo "another certbot has held the lock for 10 minutes" >&2
    exit 75
fi

code=0
certbot --max-log-backups 20 "$@" 9>&- || code=$?
# Also after a failure: NGINX must be able to read the directories that certbot has made until then.
/bin/sh /opt/vsa/certbot-rights.sh
exit "$code"
