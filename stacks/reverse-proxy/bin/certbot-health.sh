#!/bin/sh
# Health check of vsa-certbot: the renewal loop still runs. A run with many certificates may take an hour.
set -eu

last=$(cat /run/vsa/loop)
now=$(date +%s)
if [ $((now - last)) -gt $((${VSA_RENEW_EVERY:-43200} + 3600)) ]; then
    echo "the renewal loop gave no sign of life for $((now - last)) s"
    exit 1
fi
