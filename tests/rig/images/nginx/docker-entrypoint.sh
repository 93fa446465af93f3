#!/bin/sh
# Does what the genuine image's entry point does: run what lies in /docker-entrypoint.d, then become the command.
set -e

if [ "$1" = "nginx" ] || [ "$1" = "nginx-debug" ]; then
    for script in /docker-entrypoint.d/*; do
        case "$script" in
            *.envsh)
                # Whatever a derived image puts there.
                # shellcheck disable=SC1090
                if [ -x "$script" ]; then . "$script"; fi
                ;;
            *.sh) if [ -x "$script" ]; then "$script"; fi ;;
        esac
    done
fi

exec "$@"
