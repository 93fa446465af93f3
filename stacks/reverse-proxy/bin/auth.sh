#!/bin/sh
# Entry point of the container vsa-auth: removes the socket that a killed NGINX left, then becomes NGINX (PID 1).
# $@ is the command of compose.yml.
set -eu

rm -f /run/vsa-auth/auth.sock
exec "$@"
