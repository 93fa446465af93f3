"""1,000 TLS sites on one VPS of the rig: their lineages and their manifests, written in two archives."""

from __future__ import annotations

import datetime
import io
import json
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "collections"), str(ROOT / "tests/support"), str(ROOT / "tests/rig")]

if TYPE_CHECKING:
    from certs import Pair

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
account = 00000000000000000000000000000000
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
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site import to_manifest
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.files import dump_yaml

    from making import make_site

    first = dump_yaml(to_manifest(make_site(domain_of(0), f"{container}:{port}")))
    archive = Archive()
    for which in range(number):
        archive.file(f"{MANIFESTS}/{domain_of(which)}.yml", first.replace(domain_of(0), domain_of(which)))
    return archive.content()


class Lineages:
    """A key and a certificate for each site, of a CA of their own; ``ca`` is its certificate as PEM."""

    def __init__(self, number: int = SITES) -> None:
        from certs import make_pair

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
        """Return them as certbot leaves them: archive, live and renewal."""
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
        """Return them as two files a site, the way that the peers are told of them."""
        archive = Archive()
        for domain, pair in self.pairs.items():
            archive.file(f"{domain}.crt", pair.chain)
            archive.file(f"{domain}.key", pair.key_pem)
        return archive.content()


class Fleet:
    """The sites on one VPS."""

    def __init__(self, vps: Any) -> None:
        self._vps = vps
        self.lineages = Lineages()

    def unpack(self, archive: bytes, place: str = "/") -> None:
        """Unpack an archive on the VPS."""
        self._vps.run(["tar", "-x", "-C", place], input=archive)

    def lay(self) -> None:
        """Write lineages and manifests; the proxy is not told yet."""
        self.unpack(self.lineages.archive())
        self._vps.run("cat >> /etc/vsa/acme-ca.pem", input=self.lineages.ca)
        self.point_to("web-1", 3000)

    def point_to(self, container: str, port: int) -> None:
        """Let every manifest say another container."""
        self.unpack(manifests(container=container, port=port))

    def clear(self) -> None:
        """Remove the manifests and the lineages; the proxy is not told."""
        self._vps.run(
            f"cd /etc/vsa/sites && rm -f site-*.bench.test.yml; cd /{LETSENCRYPT} && "
            "rm -rf live/site-*.bench.test archive/site-*.bench.test renewal/site-*.bench.test.conf"
        )


_LOOP = """
- name: Write vhosts the usual way
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Write one vhost
      ansible.builtin.template:
        src: {source}
        dest: /var/tmp/vsa-bench/{{{{ item }}}}.conf
        mode: "0644"
      loop: {domains}
      loop_control:
        label: "{{{{ item }}}}"
"""
LOOPED = 50


class FleetBench:
    """The commands of the rows over 1,000 sites; ``run`` runs a playbook on the same host and returns its seconds."""

    def __init__(self, vps: Any, folder: Path, run: Callable[..., float]) -> None:
        self._vps = vps
        self._folder = folder
        self._run = run
        self._fleet = Fleet(vps)
        self._next = 0
        self._looped: float | None = None

    def start(self) -> None:
        """Lay the fleet out; the first row that counts as all changed brings it live."""
        self._fleet.lay()

    def end(self) -> None:
        """Take the fleet away again, from the proxy too."""
        self._fleet.clear()
        self._run("flowbiz.vsa.vhost.sync")

    def sync_changed(self) -> float:
        """Bring all sites live with another container than they had."""
        self._next += 1
        self._fleet.point_to(f"web-{1 + self._next % 2}", 3000)
        return self._run("flowbiz.vsa.vhost.sync")

    def sync_unchanged(self) -> float:
        """Bring all sites live as they are."""
        return self._run("flowbiz.vsa.vhost.sync")

    def certificates(self) -> float:
        """Read the state of all certificates."""
        return self._run("flowbiz.vsa.cert.status")

    def looped(self) -> float:
        """Return what a loop of ansible.builtin.template over all vhosts takes.

        50 of them are measured, once, and a play with an empty loop is taken off; the rest is linear.
        """
        if self._looped is None:
            self._vps.run("rm -rf /var/tmp/vsa-bench && mkdir -p /var/tmp/vsa-bench")
            seconds = self._loop(LOOPED) - self._loop(0)
            self._looped = seconds / LOOPED * SITES
            self._vps.run("rm -rf /var/tmp/vsa-bench")
        return self._looped

    def _loop(self, number: int) -> float:
        from making import make_renderer, make_site

        # The very text of a vhost; only its name is left to Ansible.
        text = make_renderer().site(make_site(domain_of(0))).replace(domain_of(0), "{{ item }}")
        source = self._folder / "vhost.conf.j2"
        source.write_text(text, encoding="utf-8")
        play = self._folder / "loop.yml"
        domains = json.dumps([domain_of(which) for which in range(number)])
        play.write_text(_LOOP.format(source=source, domains=domains), encoding="utf-8")
        return self._run(str(play))
