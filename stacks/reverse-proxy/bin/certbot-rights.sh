#!/bin/sh
# Lets root and NGINX's workers, and nobody else, read certificates and keys. The workers open the files at run time, as
# their own user, because the certificates are configured by variable. The group is that of the directory above: a host of
# before has another one there until the workers of this version serve.
set -eu

cd /etc/letsencrypt
gid=$(stat -c %g .)
for top in live archive; do
    [ -d "$top" ] || continue
    find "$top" ! -type l \( ! -user 0 -o ! -group "$gid" \) -exec chown "0:$gid" {} +
    find "$top" -type d ! -perm 0750 -exec chmod 0750 {} +
    find "$top" -type f -name 'privkey*.pem' ! -perm 0640 -exec chmod 0640 {} +
    find "$top" -type f ! -name 'privkey*.pem' ! -perm 0644 -exec chmod 0644 {} +
done
