#!/bin/sh
# certbot's deploy hook: sets the rights of a renewed lineage and asks NGINX's reloader to load it at once.
# With VSA_NO_RELOAD=1 it does not ask: the first certificate of a site is loaded by the transaction that adds the site.
set -eu

/bin/sh /opt/vsa/certbot-rights.sh
if [ -z "${VSA_NO_RELOAD:-}" ]; then
    # A new content each time; the reloader compares, so that nothing is lost while it is away.
    flag=/etc/letsencrypt/vsa-reload
    printf '%s %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$$" "${RENEWED_LINEAGE:-}" >"$flag.new"
    mv "$flag.new" "$flag"
fi
