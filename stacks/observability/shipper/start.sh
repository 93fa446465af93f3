#!/bin/sh
# Entry point of the shipper: checks the address of Loki, and hands syslog-ng what its configuration names in backticks.
#
# syslog-ng lists a directory first and watches it after that: a log that appears between the two is never read. So each
# ten seconds `look` compares the logs that are there with those that syslog-ng has open, and ends it if it overlooked one.
set -eu

# Prints the logs that syslog-ng does not have open. One that it reads under its rotated name it follows.
missed() {
    # shellcheck disable=SC2012 # the targets of the links are wanted
    ls -l /proc/1/fd 2>/dev/null |
        sed -n 's,^.* -> \(/logs/.*\(\.access\.log\|-json\.log\|/audit\.jsonl\)\).*$,\1,p' >/tmp/open
    for log in /logs/nginx/*.access.log /logs/containers/*/*-json.log /logs/vsa/audit.jsonl; do
        [ ! -f "$log" ] || echo "$log"
    done | grep -Fxv -f /tmp/open || :
}

# Says whether syslog-ng still reads a log under its rotated name, as while Loki is away. A restart would lose the rest of that log.
reads_rotated() {
    # shellcheck disable=SC2010,SC2012 # the targets of the links are wanted
    ls -l /proc/1/fd 2>/dev/null | grep -Eq ' /logs/.*(\.access\.log|-json\.log|/audit\.jsonl)(\.| \(deleted\))'
}

# Waits until no line is in flight, for a minute at most: what is in flight when syslog-ng ends may arrive twice.
wait_until_idle() {
    for _ in $(seq 30); do
        syslog-ng-ctl stats --control=/run/ctl 2>/dev/null | grep -q '^dst\.http;.*;queued;[1-9]' || return 0
        sleep 2
    done
}

look() {
    told=/var/lib/syslog-ng/missed
    while sleep 10; do
        syslog-ng-ctl healthcheck --control=/run/ctl --timeout=5 >/dev/null 2>&1 || continue
        missed >/tmp/first
        [ -s /tmp/first ] || continue
        # syslog-ng itself finds a new log within a second.
        sleep 3
        missed | grep -Fx -f /tmp/first >/tmp/missed || continue
        # A restart does not help twice, as when there are more logs than max-files.
        ! cmp -s /tmp/missed "$told" || continue
        ! reads_rotated || continue
        wait_until_idle
        cp /tmp/missed "$told"
        echo "vsa-shipper: starting again for logs that syslog-ng overlooked: $(head -n 5 "$told" | tr '\n' ' ')" >&2
        # Docker starts the container again. A reload would need the memory of all logs twice.
        kill -TERM 1
    done
}

fail() {
    echo "vsa-shipper: $1" >&2
    exit 1
}

: "${NODE:=$(cat /etc/vsa-hostname)}"
: "${LOKI_USER:=}"
LOKI_PASSWORD=
case $NODE in
'' | *[!A-Za-z0-9._-]*) fail "the name of this node is '$NODE': set NODE to letters, digits, dots and hyphens" ;;
esac
case ${LOKI_URL:-} in
*[!A-Za-z0-9.:/_-]*) fail "LOKI_URL has letters that no address has" ;;
http://loki:3100) ;;
https://?*) ;;
*) fail "LOKI_URL is '${LOKI_URL:-}': set it to the address of the hub, https://…" ;;
esac
if [ -n "$LOKI_USER" ]; then
    # Secrets go by a file of mode 0600, never by a variable of the container.
    IFS= read -r LOKI_PASSWORD </etc/vsa-loki-password || [ -n "$LOKI_PASSWORD" ] || fail "the file of the password is empty"
fi
# Both stand between double quotes in the configuration.
case $LOKI_USER$LOKI_PASSWORD in
*[\"\\\`]*) fail "the user or the password has a quote, a backslash or a backtick" ;;
esac
look &
# With 1,000 logs and lines in all of them, 33 MiB stay behind, and 44 without these settings. For each log syslog-ng reserves 17 KB.
# Without a pad at the top of the heap, a reserved page takes memory only if something is written to it.
export MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=16384 MALLOC_TRIM_THRESHOLD_=131072 MALLOC_TOP_PAD_=0
export NODE LOKI_URL LOKI_USER LOKI_PASSWORD
exec syslog-ng -F --no-caps --stderr -f /etc/vsa-shipper/syslog-ng.conf \
    -R /var/lib/syslog-ng/syslog-ng.persist -c /run/ctl -p /run/pid
