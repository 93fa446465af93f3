# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a host keeps for one site, in one list.

``unprovision`` removes the resources of a site and then proves that none of them remains, ``rename`` moves them. A new
sort of file that carries a site's name gets its row in FILES, and then both verbs know it.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._core.errors import RefusedError
from ..._core.networks import EDGE, is_edge_network
from ..._core.proxy.plan import manifest_file, site_file, site_of
from ..._core.site.manifest import Site
from ..._core.site.removal import ContainerInfo, Decision, Mount, decide, mentions
from ..machine.docker_site import SiteEngine
from ..machine.files import load_yaml
from ..store.access_logs import site_logs
from ..store.host import Host
from ..store.layout import Paths
from ..store.lineages import lineage_remains
from ..store.manifests import manifest_files
from ..store.passwords import remains as password_files
from .removal.journal import Journal

__all__ = (
    "FILES",
    "FileResource",
    "SiteResources",
    "certificate_users",
    "files_of",
    "find_resources",
    "remains",
    "scheduled",
)

_MOST_READ = 1 << 20
_SCHEDULES = (
    *(f"etc/cron.{each}" for each in ("d", "hourly", "daily", "weekly", "monthly")),
    "var/spool/cron/crontabs",
    "etc/systemd/system",
)


@dataclass(frozen=True)
class FileResource:
    """One sort of file whose name is a site's domain. ``find`` returns the present files of one site."""

    name: str
    find: Callable[[Paths, str], Sequence[str | Path]]


def _journal(paths: Paths, domain: str) -> list[Path]:
    place = Journal.place(paths, domain)
    return [place] if place.exists() else []


# The configuration in the proxy's generations is not here: only the proxy transaction changes that.
FILES: tuple[FileResource, ...] = (
    FileResource("manifest", manifest_files),
    FileResource("passwords", password_files),
    # The lineage, self-signed pairs, records of failed attempts, and the certificate options in /etc/vsa/certs.
    FileResource("certificate", lineage_remains),
    FileResource("logs", site_logs),
    FileResource("journal", _journal),
)


@dataclass(frozen=True)
class SiteResources:
    """Everything that a host has of one site.

    * ``live``: whether the proxy serves the site.
    * ``files``: the files of each row of FILES, by its name.
    * ``journal``: what an interrupted removal wrote down.
    * ``containers``: all containers of the host; ``decision`` says which of them go with the site.
    * ``mounts``, ``projects``: of the containers that go, or have gone already.
    * ``certificate_users``: who else uses the site's lineage.
    """

    domain: str
    live: bool
    files: Mapping[str, tuple[str, ...]]
    journal: Journal | None
    origin: str | None
    names: tuple[str, ...]
    network: str
    containers: tuple[ContainerInfo, ...]
    decision: Decision
    mounts: tuple[Mount, ...]
    projects: tuple[str, ...]
    certificate_users: tuple[str, ...]

    @property
    def manifests(self) -> tuple[str, ...]:
        """Return the manifest, and copies of it that an interrupted write left."""
        return self.files["manifest"]

    @property
    def certificate(self) -> tuple[str, ...]:
        """Return everything that belongs to the certificate."""
        return self.files["certificate"]

    @property
    def passwords(self) -> tuple[str, ...]:
        """Return the password files."""
        return self.files["passwords"]

    @property
    def logs(self) -> tuple[str, ...]:
        """Return the access logs."""
        return self.files["logs"]

    def as_journal(self) -> Journal:
        """Return what a later run needs to continue a removal that was interrupted."""
        known = self.journal.containers if self.journal else {}
        return Journal(
            names=list(self.names),
            network=self.network,
            containers={**known, **{info.name: info.id for info in self.decision.going}},
            mounts=[[mount.source, mount.name, mount.driver] for mount in self.mounts],
            projects=list(self.projects),
        )


def files_of(paths: Paths, domain: str) -> dict[str, tuple[str, ...]]:
    """Return the present files of a site, by the name of their row in FILES."""
    return {row.name: tuple(str(path) for path in row.find(paths, domain)) for row in FILES}


def find_resources(host: Host, engine: SiteEngine, domain: str) -> SiteResources:
    """Return everything that a host has of a site. Changes nothing."""
    journal = Journal.read(host.paths, domain)
    sites, origin = _versions(host, domain)
    network = _network(sites, journal)
    containers = tuple(engine.container_infos())
    candidates = _candidates(sites, containers, journal)
    decision = decide(candidates, containers, routed=_routed(host, domain, candidates), edge=network)
    names = [domain, *(name for site in sites for name in site.names), *(journal.names if journal else [])]
    return SiteResources(
        domain=domain,
        live=site_file(domain) in host.live.files,
        files=files_of(host.paths, domain),
        journal=journal,
        origin=origin,
        names=tuple(dict.fromkeys(names)),
        network=network,
        containers=containers,
        decision=decision,
        mounts=_mounts(decision, journal),
        projects=_projects(decision, journal),
        certificate_users=certificate_users(host, domain),
    )


def _versions(host: Host, domain: str) -> tuple[list[Site], str | None]:
    """Return the valid versions of a site (the live one, the manifest on disk), and the manifest's origin."""
    sites: list[Site] = []
    for read in (host.live_site, host.site):
        try:
            site = read(domain)
        except RefusedError:
            continue
        sites += [site] if site else []
    origin = next((site.origin for site in reversed(sites) if site.origin), None)
    return sites, origin


def _network(sites: Sequence[Site], journal: Journal | None) -> str:
    """Return the edge network of a site; that of the journal if no manifest is left."""
    if sites:
        return sites[0].network
    if journal and is_edge_network(journal.network):
        return journal.network
    return EDGE


def _candidates(sites: Iterable[Site], containers: Iterable[ContainerInfo], journal: Journal | None) -> set[str]:
    """Return the names of the containers that belong to a site by its manifests or by the journal.

    The journal names a container by its id too: another container that took the name meanwhile is no candidate.
    """
    names = {name for site in sites for name in site.containers}
    if journal:
        names |= {info.name for info in containers if journal.containers.get(info.name) == info.id}
    return names


def _mounts(decision: Decision, journal: Journal | None) -> tuple[Mount, ...]:
    """Return the mounts of the containers that go, each once, and those of containers that have gone already."""
    noted = [Mount(*map(str, mount)) for mount in (journal.mounts if journal else [])]
    present = [dataclasses.replace(mount, target="") for info in decision.going for mount in info.mounts]
    return tuple(dict.fromkeys([*noted, *present]))


def _projects(decision: Decision, journal: Journal | None) -> tuple[str, ...]:
    noted = journal.projects if journal else []
    present = [info.project for info in decision.going if info.project]
    return tuple(dict.fromkeys([*noted, *present]))


def _text(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(_MOST_READ).decode(errors="replace")


def _routed(host: Host, domain: str, names: set[str]) -> dict[str, list[str]]:
    """Return which containers other sites route to: by the live generation, and by manifests, valid or not."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for other, entry in sorted(host.index.items()):
        if other != domain:
            for name in names.intersection(entry.get("containers", ())):
                found[name].append(f"the site {other}")
    for other, place, text in _other_manifests(host, domain):
        routes, words = _routes_in(host, other, place, text, names)
        for name in routes:
            found[name].append(words)
    return {name: list(dict.fromkeys(users)) for name, users in found.items() if users}


def _routes_in(host: Host, other: str, place: str, text: str, names: set[str]) -> tuple[set[str], str]:
    """Return which of these containers a manifest routes to, and how to name that manifest."""
    try:
        routes = names.intersection(host.parse(other, text).containers)
    except RefusedError:
        data = _data(text, place)
        return {name for name in names if mentions(name, text, data)}, f"{place} (not valid)"
    return routes, f"the site {other}" if place.endswith(".yml") else place


def _data(text: str, where: str) -> Any:
    try:
        return load_yaml(text, where=where)
    except RefusedError:
        return None


def _other_manifests(host: Host, domain: str) -> Iterator[tuple[str, str, str]]:
    """Yield the domain, the place and the text of each manifest of another site that the index does not cover.

    The index covers a live manifest that generation.json lists, and a manifest on disk with the same text.
    """
    live = {site_of(name) or "": text for name, text in host.live.files.items() if name.startswith("manifests/")}
    for other, text in live.items():
        if other not in host.index and other != domain:
            yield other, f"the live manifest of {other}", text
    own = {path.name for path in manifest_files(host.paths, domain)}
    for path in _directory(host.paths.sites):
        other = path.name.removesuffix(".yml")
        covered = other in host.index and host.manifests.get(other) == live.get(other)
        if path.name in own or (covered and path.name.endswith(".yml")) or not path.is_file():
            continue
        yield other, f"sites/{path.name}", _text(path)


def _directory(place: Path) -> list[Path]:
    try:
        return sorted(place.iterdir())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def certificate_users(host: Host, domain: str) -> tuple[str, ...]:
    """Return who else uses a site's lineage: a site whose configuration names it, or a lineage that links to it."""
    named = re.compile(rf"/{re.escape(domain)}/(fullchain|privkey|cert|chain)\.pem")
    users = []
    for name, text in sorted(host.live.files.items()):
        if name.startswith("sites/") and name != site_file(domain) and named.search(text):
            users.append(f"the site {site_of(name)}")
    for top in (host.paths.letsencrypt / "live", host.paths.selfsigned):
        links = [entry for entry in _directory(top) if entry.is_symlink() and entry.name != domain]
        users += [f"the lineage {link.name}" for link in links if _leads_to(link, domain)]
    return tuple(users)


def _leads_to(link: Path, domain: str) -> bool:
    """Say whether a link in a directory of lineages points to the lineage, or to a pair, of a domain."""
    target = os.readlink(link)
    return bool(re.fullmatch(rf"(.*/)?{re.escape(domain)}(\.(by-hand\.)?\d{{8}}T\d+)?/?", target))


def remains(
    host: Host, engine: SiteEngine, before: SiteResources, *, keep_certificate: bool, gone: set[str]
) -> list[str]:
    """Return what still carries the name of a removed site. ``gone`` are the ids of its removed containers."""
    domain, live = before.domain, host.live
    found = [
        f"generation {live.number}: {name}" for name in (site_file(domain), manifest_file(domain)) if name in live.files
    ]
    for name, files in files_of(host.paths, domain).items():
        # The journal is closed after this proof.
        if name != "journal" and not (name == "certificate" and keep_certificate):
            found += files
    found += [f"the container {info.name}" for info in engine.container_infos() if info.id in gone]
    if _is_unused_edge(host, engine, before.network):
        found.append(f"the network {before.network}")
    return found


def _is_unused_edge(host: Host, engine: SiteEngine, network: str) -> bool:
    """Say whether a tenant's edge network is left over: VSA made it, and no live site and no container uses it."""
    if network == EDGE or network in (host.record.networks if host.record else ()):
        return False
    made = engine.network(network)
    return bool(made and "vsa.edge" in (made.get("Labels") or {}) and not engine.members(network))


def scheduled(paths: Paths, domain: str) -> list[str]:
    """Return the cron tables and systemd units that mention a site. VSA writes none, so others own them."""
    word = re.compile(rf"(?<![A-Za-z0-9.-]){re.escape(domain)}(?![A-Za-z0-9-]|\.[A-Za-z0-9])")
    found = []
    for place in _SCHEDULES:
        for path in _directory(Path(paths.root, place)):
            if not path.is_file() or path.is_symlink():
                continue
            if "cron" not in place and path.suffix not in (".timer", ".service"):
                continue
            if word.search(path.stem) or word.search(path.name) or word.search(_text(path)):
                found.append(str(path))
    return found
