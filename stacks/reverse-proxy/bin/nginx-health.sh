#!/bin/sh
# Health check of vsa-nginx: a worker answers on the status socket, and the reloader in the same container is alive.
set -eu

if ! curl -fsS -o /dev/null --max-time 3 --unix-socket /run/vsa-status.sock http://vsa/health; then
    echo "NGINX does not answer on its status socket"
    exit 1
fi

. /opt/vsa/clock.sh
beat=0
IFS= read -r beat 2>/dev/null </run/vsa/reloader || :
age_of "$beat"
# shellcheck disable=SC2154 # clock.sh sets age
if [ "$age" -gt 120 ]; then
    echo "the reloader gave no sign of life for $age s"
    exit 1
fi
