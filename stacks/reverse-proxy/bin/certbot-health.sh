#!/bin/sh
# Healthcheck of vsa-certbot: the loop came round in time (an hour for a run with many certificates).
set -eu

last=$(cat /run/vsa/loop)
now=$(date +%s)
if [ $((now - last)) -gt $((${VSA_RENEW_EVERY:-43200} + 3600)) ]; then
    echo "the renewal loop gave no sign of life for $((now - last)) s"
    exit 1
fi
