"""1,000 TLS sites on one VPS of the rig: their lineages and their manifests, written in two archives."""

from __future__ import annotations

import datetime
import io
import tarfile
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import to_manifest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.files import dump_yaml

from certs import Pair, make_pair
from making import make_site

__all__ = ("SITES", "Archive", "Fleet", "Lineages", "domain_of", "manifests")

SITES = 1_000
LETSENCRYPT = "srv/platform/reverse-proxy/data/letsencrypt"
MANIFESTS = "etc/vsa/sites"
# The numeric group of NGINX's workers in its image: they read the keys.
_GROUP = 101

_RENEWAL = """version = 5.5.0
archive_dir = /etc/letsencrypt/archive/{domain}
cert = /etc/letsencrypt/live/{domain}/cert.pem
privkey = /etc/letsencrypt/live/{domain}/privkey.pem
chain = /etc/letsencrypt/live/{domain}/chain.pem
fullchain = /etc/letsencrypt/live/{domain}/fullchain.pem

[renewalparams]
authenticator = webroot
webroot_path = /var/www/acme,
server = https://pebble:14000/dir
key_type = ecdsa
"""


def domain_of(number: int) -> str:
    """Return the name of one site of the fleet."""
    return f"site-{number:04}.bench.test"


class Archive:
    """A tar archive in memory, its members owned by root and by one group."""

    def __init__(self, group: int = 0) -> None:
        self._stream = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._stream, mode="w", format=tarfile.GNU_FORMAT)  # noqa: SIM115  closed by content()
        self._group = group

    def _add(self, name: str, mode: int, kind: bytes, content: bytes = b"", link: str = "") -> None:
        member = tarfile.TarInfo(name)
        member.type, member.mode, member.linkname, member.size = kind, mode, link, len(content)
        member.gid = self._group
        self._tar.addfile(member, io.BytesIO(content))

    def folder(self, name: str, *, mode: int = 0o750) -> None:
        self._add(name, mode, tarfile.DIRTYPE)

    def file(self, name: str, text: str, *, mode: int = 0o644) -> None:
        self._add(name, mode, tarfile.REGTYPE, text.encode())

    def link(self, name: str, target: str) -> None:
        self._add(name, 0o777, tarfile.SYMTYPE, link=target)

    def content(self) -> bytes:
        self._tar.close()
        return self._stream.getvalue()


def manifests(*, container: str, port: int = 80, number: int = SITES) -> bytes:
    """Return an archive of the manifests of all sites, each with one route to a container."""

    first = dump_yaml(to_manifest(make_site(domain_of(0), f"{container}:{port}")))
    archive = Archive()
    for which in range(number):
        archive.file(f"{MANIFESTS}/{domain_of(which)}.yml", first.replace(domain_of(0), domain_of(which)))
    return archive.content()


class Lineages:
    """A key and a certificate for each site, of a CA of their own; ``ca`` is its certificate as PEM."""

    def __init__(self, number: int = SITES) -> None:
        now = datetime.datetime.now(datetime.UTC)
        dates: dict[str, Any] = {
            "start": now - datetime.timedelta(days=10),
            "end": now + datetime.timedelta(days=80),
        }
        authority = make_pair(["bench CA"], **dates)
        self.ca = authority.pem
        self.pairs: dict[str, Pair] = {
            domain_of(which): make_pair([domain_of(which)], issuer=authority, **dates) for which in range(number)
        }

    def archive(self) -> bytes:
        """Return the files as Certbot writes them: archive, live and renewal."""
        archive = Archive(_GROUP)
        for kind in ("archive", "live", "renewal"):
            archive.folder(f"{LETSENCRYPT}/{kind}")
        for domain, pair in self.pairs.items():
            texts = {"cert": pair.pem, "chain": self.ca, "fullchain": pair.chain, "privkey": pair.key_pem}
            for kind in ("archive", "live"):
                archive.folder(f"{LETSENCRYPT}/{kind}/{domain}")
            for name, text in texts.items():
                mode = 0o640 if name == "privkey" else 0o644
                archive.file(f"{LETSENCRYPT}/archive/{domain}/{name}1.pem", text, mode=mode)
                archive.link(f"{LETSENCRYPT}/live/{domain}/{name}.pem", f"../../archive/{domain}/{name}1.pem")
            archive.file(f"{LETSENCRYPT}/renewal/{domain}.conf", _RENEWAL.format(domain=domain))
        return archive.content()

    def plain(self) -> bytes:
        """Return two files per site, as the peers read them."""
        archive = Archive()
        for domain, pair in self.pairs.items():
            archive.file(f"{domain}.crt", pair.chain)
            archive.file(f"{domain}.key", pair.key_pem)
        return archive.content()


class Fleet:
    """The sites on one VPS."""

    def __init__(self, vps: Any, number: int = SITES) -> None:
        self._vps = vps
        self._number = number
        self.lineages = Lineages(number)

    def unpack(self, archive: bytes, place: str = "/") -> None:
        """Unpack an archive on the VPS."""
        self._vps.run(["tar", "-x", "-C", place], input=archive)

    def lay(self) -> None:
        """Write lineages and manifests; the proxy does not know them yet."""
        self.unpack(self.lineages.archive())
        # Two fleets, one after the other, have CAs of one name. OpenSSL would look at the first of them alone.
        self._vps.run(
            "cp -n /etc/vsa/acme-ca.pem /root/acme-ca.pem; cat /root/acme-ca.pem - > /etc/vsa/acme-ca.pem",
            input=self.lineages.ca,
        )
        self.point_to("web-1", 3000)

    def point_to(self, container: str, port: int) -> None:
        """Write another container into every manifest."""
        self.unpack(manifests(container=container, port=port, number=self._number))

    def clear(self, *, but: str = "") -> None:
        """Remove the manifests and the lineages, except those of one site; the proxy keeps serving all of them."""
        self._vps.run(
            f"cd /etc/vsa/sites && find . -name 'site-*.bench.test.yml' ! -name '{but}.yml' -delete; "
            f"cd /{LETSENCRYPT} && find live archive renewal -mindepth 1 -maxdepth 1 "
            f"-name 'site-*.bench.test*' ! -name '{but}' ! -name '{but}.conf' -exec rm -rf {{}} +"
        )
