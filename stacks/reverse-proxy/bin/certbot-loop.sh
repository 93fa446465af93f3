#!/bin/sh
# Entry point of the container vsa-certbot: runs `certbot renew` again and again. certbot itself decides what is due (by ARI,
# otherwise by the rest of the lifetime), so a run without anything to renew costs nothing.
set -u

every=${VSA_RENEW_EVERY:-43200}
state=/etc/letsencrypt/vsa-renew.state

trap 'exit 0' TERM INT

nap() {
    sleep "$1" &
    wait $!
}

# For the health check.
beat() {
    # At each beat: this loop runs for months, and the file may have a new version.
    . /opt/vsa/clock.sh
    uptime_seconds
    # shellcheck disable=SC2154 # clock.sh sets seconds
    echo "$seconds" >/run/vsa/loop
}

mkdir -p /run/vsa
beat
# A container that restarts in a loop must not contact the CA at each start.
nap 30
while :; do
    beat
    /bin/sh /opt/vsa/certbot.sh renew --quiet --no-random-sleep-on-renew \
        --deploy-hook "/bin/sh /opt/vsa/certbot-deployed.sh" &
    wait $!
    code=$?
    printf 'time=%s\nexit=%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$code" >"$state.new" && mv "$state.new" "$state"
    [ "$code" = 0 ] || echo "vsa: certbot renew ended with $code; see /var/log/letsencrypt/letsencrypt.log" >&2
    nap "$every"
done
