#!/bin/sh
# Health check of vsa-auth: NGINX answers on its socket.
set -eu

exec curl -fsS -o /dev/null --max-time 8 --unix-socket /run/vsa-auth/auth.sock http://vsa-auth/health
