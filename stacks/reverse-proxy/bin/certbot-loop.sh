#!/bin/sh
# Entry point of the container vsa-certbot: tries to renew what is due, again and again. certbot itself decides what is
# due (ARI, else the share of the lifetime that is left), so asking often costs nothing.
set -u

every=${VSA_RENEW_EVERY:-43200}
state=/etc/letsencrypt/vsa-renew.state

trap 'exit 0' TERM INT

nap() {
    sleep "$1" &
    wait $!
}

mkdir -p /run/vsa
date +%s >/run/vsa/loop
# A host that restarts in a loop must not ask the CA each time.
nap 30
while :; do
    date +%s >/run/vsa/loop
    /bin/sh /opt/vsa/certbot.sh renew --quiet --no-random-sleep-on-renew \
        --deploy-hook "/bin/sh /opt/vsa/certbot-deployed.sh" &
    wait $!
    code=$?
    printf 'time=%s\nexit=%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$code" >"$state.new" && mv "$state.new" "$state"
    [ "$code" = 0 ] || echo "vsa: certbot renew ended with $code; see /var/log/letsencrypt/letsencrypt.log" >&2
    nap "$every"
done
