#!/bin/sh
# Lets NGINX's workers, and nobody else, read certificates and keys: they open them by variable, as their own user.
set -eu

cd /etc/letsencrypt
gid=${VSA_KEYS_GID:-101}
for top in live archive; do
    [ -d "$top" ] || continue
    find "$top" ! -type l \( ! -user 0 -o ! -group "$gid" \) -exec chown "0:$gid" {} +
    find "$top" -type d ! -perm 0750 -exec chmod 0750 {} +
    find "$top" -type f -name 'privkey*.pem' ! -perm 0640 -exec chmod 0640 {} +
    find "$top" -type f ! -name 'privkey*.pem' ! -perm 0644 -exec chmod 0644 {} +
done
