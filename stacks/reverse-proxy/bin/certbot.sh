#!/bin/sh
# Runs certbot, one at a time: the renewal loop and `vsa cert issue` take the same lock.
# $@ are certbot's arguments; standard output and error are certbot's own.
set -eu
. /opt/vsa/lock.sh

# A custom CA (vsa.yml: ca_bundle) is trusted besides the public ones, never instead of them.
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
# Also after a failure: directories that certbot made on its way must not keep NGINX out.
/bin/sh /opt/vsa/certbot-rights.sh
exit "$code"
