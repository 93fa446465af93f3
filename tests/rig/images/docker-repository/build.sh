#!/bin/sh
# Makes /srv/linux/debian. Debian 12's C library is enough for these packages but for `runc` and `tini`, which Debian 12
# has itself; so the genuine containerd.io's own runc becomes a dependency.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt-get update -qq
apt-get install -y -qq --no-install-recommends python3-minimal libpython3-stdlib apt-utils gpg gpg-agent

root=/srv/linux/debian suite=bookworm
pool=dists/$suite/pool/stable/amd64
mkdir -p "$root/$pool" /tmp/build
cd /tmp/build

# <Debian's name> <Docker's name> <Depends> <more fields, ";" between>
repackage() {
    apt-get download -qq "$1"
    dpkg-deb -R "$1"_*.deb tree
    version=5:$(dpkg-deb -f "$1"_*.deb Version | sed 's/^[0-9]*://; s/[-+].*//')-1~debian.12~bookworm
    {
        printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: the rig\n' "$2" "$version"
        printf 'Depends: %s\n%s\n' "$3" "$4" | tr ';' '\n'
        printf 'Description: stand-in made of %s from Debian 13\n' "$1"
    } > tree/DEBIAN/control
    rm -f tree/DEBIAN/md5sums
    dpkg-deb -Znone --root-owner-group -b tree "$root/$pool/$2_${version#5:}.deb" > /dev/null
    rm -rf tree "$1"_*.deb
}
repackage docker.io docker-ce 'containerd.io, docker-ce-cli, iptables, adduser, tini, libsystemd0' 'Conflicts: docker.io;Replaces: docker.io'
repackage docker-cli docker-ce-cli libc6 'Conflicts: docker-cli;Replaces: docker-cli, docker.io'
repackage containerd containerd.io 'runc, libc6' 'Conflicts: containerd;Replaces: containerd;Provides: containerd'
repackage docker-compose docker-compose-plugin 'docker-ce-cli' 'Conflicts: docker-compose;Replaces: docker-compose'

cd "$root"
index=dists/$suite/stable/binary-amd64
mkdir -p "$index"
apt-ftparchive packages "$pool" > "$index/Packages"
apt-ftparchive -o APT::FTPArchive::Release::Suite="$suite" -o APT::FTPArchive::Release::Codename="$suite" \
    -o APT::FTPArchive::Release::Components=stable -o APT::FTPArchive::Release::Architectures=amd64 \
    release "dists/$suite" > /tmp/build/Release
mv /tmp/build/Release "dists/$suite/Release"

GNUPGHOME=/tmp/build/gpg
export GNUPGHOME
install -d -m 0700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key 'Stand-in repository <rig@example.test>' rsa2048 sign 0
gpg --batch --quiet --armor --output gpg --export
gpg --batch --quiet --clearsign --output "dists/$suite/InRelease" "dists/$suite/Release"
gpg --batch --quiet --armor --detach-sign --output "dists/$suite/Release.gpg" "dists/$suite/Release"

gpgconf --kill all
cd /
rm -rf /tmp/build /var/lib/apt/lists/* /var/cache/apt/* /var/log/*
