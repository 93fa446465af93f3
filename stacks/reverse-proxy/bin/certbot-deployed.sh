#!/bin/sh
# Deploy hook of certbot: sets the permissions of a renewed lineage, and makes the reloader reload NGINX at once.
# With VSA_NO_RELOAD=1 there is no reload: the transaction that adds a site loads the site's first certificate.
set -eu

/bin/sh /opt/vsa/certbot-rights.sh
if [ -z "${VSA_NO_RELOAD:-}" ]; then
    # The content is new each time. The reloader compares it, so it notices a renewal even after it was restarted.
    flag=/etc/letsencrypt/vsa-reload
    printf '%s %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$$" "${RENEWED_LINEAGE:-}" >"$flag.new"
    mv "$flag.new" "$flag"
fi
