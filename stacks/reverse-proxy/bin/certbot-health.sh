#!/bin/sh
# Health check of vsa-certbot: the renewal loop still runs. A run with many certificates may take an hour.
set -eu

. /opt/vsa/clock.sh
age_of "$(cat /run/vsa/loop)"
# shellcheck disable=SC2154 # clock.sh sets age
if [ "$age" -gt $((${VSA_RENEW_EVERY:-43200} + 3600)) ]; then
    echo "the renewal loop gave no sign of life for $age s"
    exit 1
fi
