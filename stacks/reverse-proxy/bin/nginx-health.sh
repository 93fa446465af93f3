#!/bin/sh
# Health check of vsa-nginx: a worker answers on the status socket, and the reloader in the same container is alive.
set -eu

if ! curl -fsS -o /dev/null --max-time 3 --unix-socket /run/vsa-status.sock http://vsa/health; then
    echo "NGINX does not answer on its status socket"
    exit 1
fi

beat=$(stat -c %Y /run/vsa/reloader 2>/dev/null || echo 0)
now=$(date +%s)
if [ $((now - beat)) -gt 120 ]; then
    echo "the reloader gave no sign of life for $((now - beat)) s"
    exit 1
fi
