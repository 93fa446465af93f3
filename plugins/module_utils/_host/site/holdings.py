# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a host has of one site: read before it is removed, and once more as the proof that nothing remains.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._core.errors import RefusedError
from ..._core.networks import EDGE, is_edge_network
from ..._core.proxy.plan import Generation, manifest_file, site_file, site_of
from ..._core.site.manifest import Site
from ..._core.site.removal import Held, Mount, Verdict, judge, mentions
from ..cert.chain import lineage_remains
from ..machine.docker_site import SiteEngine
from ..machine.files import load_yaml
from ..store.access_logs import site_logs
from ..store.generations import Generations, Record
from ..store.layout import Paths
from ..store.manifests import parse_manifest
from ..store.passwords import remains as passwords_of
from .removal.journal import Journal

__all__ = ("Holdings", "look", "remains", "scheduled")

_MOST = 1 << 20
_SCHEDULES = (
    *(f"etc/cron.{each}" for each in ("d", "hourly", "daily", "weekly", "monthly")),
    "var/spool/cron/crontabs",
    "etc/systemd/system",
)


@dataclass(frozen=True)
class Holdings:
    """What there is of a site. ``containers`` are all of the host; ``mounts`` those of what goes, or has gone."""

    domain: str
    live: bool
    manifests: tuple[Path, ...]
    journal: Journal | None
    origin: str | None
    names: tuple[str, ...]
    network: str
    containers: tuple[Held, ...]
    verdict: Verdict
    mounts: tuple[Mount, ...]
    projects: tuple[str, ...]
    certificate: tuple[str, ...]
    certificate_users: tuple[str, ...]
    passwords: tuple[str, ...]
    logs: tuple[Path, ...]

    def as_journal(self) -> Journal:
        """Return what a later run needs to go on from here."""
        known = self.journal.containers if self.journal else {}
        return Journal(
            names=list(self.names),
            network=self.network,
            containers={**known, **{held.name: held.id for held in self.verdict.going}},
            mounts=[[mount.source, mount.name, mount.driver] for mount in self.mounts],
            projects=list(self.projects),
        )


def _manifest_files(paths: Paths, domain: str) -> tuple[Path, ...]:
    form = re.compile(rf"{re.escape(domain)}\.yml|\.{re.escape(domain)}\.yml\.[A-Za-z0-9_]{{8}}")
    try:
        return tuple(paths.sites / name for name in sorted(os.listdir(paths.sites)) if form.fullmatch(name))
    except FileNotFoundError:
        return ()


def _text(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(_MOST).decode(errors="replace")


def _data(text: str, where: str) -> Any:
    try:
        return load_yaml(text, where=where)
    except RefusedError:
        return None


def _others(paths: Paths, domain: str, live: Generation, record: Record | None) -> Iterable[tuple[str, str, str]]:
    """Yield the domain, the place and the text of every manifest of another site, as it lies there and as it is live.

    Where the index of the live generation speaks for a text, it is not among them.
    """
    texts = {site_of(name) or "": text for name, text in live.files.items() if name.startswith("manifests/")}
    known = record.sites if record else {}
    for other, text in texts.items():
        if other not in known and other != domain:
            yield other, f"the live manifest of {other}", text
    own = {path.name for path in _manifest_files(paths, domain)}
    try:
        names = sorted(os.listdir(paths.sites))
    except FileNotFoundError:
        return
    for name in names:
        path = paths.sites / name
        if name in own or not path.is_file():
            continue
        text, other = _text(path), name.removesuffix(".yml")
        if other not in known or texts.get(other) != text:
            yield other, f"sites/{name}", text


def _routed(
    paths: Paths, domain: str, wanted: set[str], live: Generation, record: Record | None
) -> dict[str, list[str]]:
    """Return which of the containers other manifests route to, valid or not, and their last good versions."""
    found: dict[str, list[str]] = {name: [] for name in wanted}
    for other, entry in sorted((record.sites if record else {}).items()):
        if other != domain:
            for name in wanted.intersection(entry.get("containers", ())):
                found[name].append(f"the site {other}")
    for other, place, text in _others(paths, domain, live, record):
        try:
            routes = set(parse_manifest(other, text).containers)
            words = f"the site {other}" if place.endswith(".yml") else place
        except RefusedError:
            data = _data(text, place)
            routes = {name for name in wanted if mentions(name, text, data)}
            words = f"{place} (not valid)"
        for name in wanted & routes:
            found[name].append(words)
    return {name: list(dict.fromkeys(users)) for name, users in found.items() if users}


def _sites(paths: Paths, domain: str, live: Generation) -> tuple[list[Site], str | None]:
    """Return the site as it is live and as its manifest says, where that is valid, and the manifest's origin."""
    texts = [live.files.get(manifest_file(domain))]
    path = paths.sites / f"{domain}.yml"
    texts += [_text(path)] if path.is_file() else []
    sites, origin = [], None
    for text in texts:
        if text is None:
            continue
        try:
            sites.append(parse_manifest(domain, text))
        except RefusedError:
            continue
        data = _data(text, f"sites/{domain}.yml")
        origin = str(data.get("origin") or "") or origin if isinstance(data, Mapping) else origin
    return sites, origin


def _certificate_users(paths: Paths, domain: str, live: Generation) -> tuple[str, ...]:
    """Return who uses the domain's lineage besides: a site whose text names it, a lineage that is a link to it."""
    named = re.compile(rf"/{re.escape(domain)}/(fullchain|privkey|cert|chain)\.pem")
    users = [
        f"the site {site_of(name)}"
        for name, text in sorted(live.files.items())
        if name.startswith("sites/") and name != site_file(domain) and named.search(text)
    ]
    for top in (paths.letsencrypt / "live", paths.selfsigned):
        try:
            links = sorted(entry.name for entry in os.scandir(top) if entry.is_symlink())
        except FileNotFoundError:
            continue
        users += [f"the lineage {name}" for name in links if name != domain and _leads(top / name, domain)]
    return tuple(users)


def _leads(link: Path, domain: str) -> bool:
    target = os.readlink(link)
    return bool(re.fullmatch(rf"(.*/)?{re.escape(domain)}(\.(by-hand\.)?\d{{8}}T\d+)?/?", target))


def look(paths: Paths, engine: SiteEngine, domain: str) -> Holdings:
    """Return what this host has of a site: nothing that it reads is changed."""
    generations = Generations(paths)
    live = generations.read(generations.live_number())
    record = generations.record(live.number)
    journal = Journal.read(paths, domain)
    sites, origin = _sites(paths, domain, live)
    containers = tuple(engine.held())
    by_name = {held.name: held for held in containers}
    wanted = {name for site in sites for name in site.containers}
    known = journal.containers if journal else {}
    # By the journal only the very container that it means, not another one that took the name since.
    wanted |= {name for name, identity in known.items() if name in by_name and by_name[name].id == identity}
    before = journal.network if journal and is_edge_network(journal.network) else EDGE
    network = sites[0].network if sites else before
    verdict = judge(wanted, containers, routed=_routed(paths, domain, wanted, live, record), edge=network)
    noted = [Mount(*map(str, mount)) for mount in (journal.mounts if journal else [])]
    held_now = [dataclasses.replace(mount, target="") for held in verdict.going for mount in held.mounts]
    mounts = dict.fromkeys([*noted, *held_now])
    projects = [*(journal.projects if journal else []), *(held.project for held in verdict.going if held.project)]
    names = [domain, *(name for site in sites for name in site.names), *(journal.names if journal else [])]
    return Holdings(
        domain=domain,
        live=site_file(domain) in live.files,
        manifests=_manifest_files(paths, domain),
        journal=journal,
        origin=origin,
        names=tuple(dict.fromkeys(names)),
        network=network,
        containers=containers,
        verdict=verdict,
        mounts=tuple(mounts),
        projects=tuple(dict.fromkeys(projects)),
        certificate=tuple(lineage_remains(paths, domain)),
        certificate_users=_certificate_users(paths, domain, live),
        passwords=tuple(passwords_of(paths, domain)),
        logs=tuple(site_logs(paths, domain)),
    )


def remains(paths: Paths, engine: SiteEngine, before: Holdings, *, keep_certificate: bool, gone: set[str]) -> list[str]:
    """Return what is still named after a site that was removed. ``gone`` are the ids of its removed containers."""
    domain = before.domain
    generations = Generations(paths)
    number = generations.live_number()
    live = generations.read(number)
    found = [
        f"generation {number}: {name}" for name in (site_file(domain), manifest_file(domain)) if name in live.files
    ]
    found += [str(path) for path in _manifest_files(paths, domain)]
    found += [] if keep_certificate else lineage_remains(paths, domain)
    found += passwords_of(paths, domain)
    found += [f"the container {held.name}" for held in engine.held() if held.id in gone]
    found += [str(path) for path in site_logs(paths, domain)]
    record = generations.record(number)
    if before.network != EDGE and before.network not in (record.networks if record else ()):
        made = engine.network(before.network)
        if made and "vsa.edge" in (made.get("Labels") or {}) and not engine.members(before.network):
            found.append(f"the network {before.network}")
    return found


def scheduled(paths: Paths, domain: str) -> list[str]:
    """Return the cron tables and timers that speak of a site. VSA writes none, so they are somebody's own."""
    word = re.compile(rf"(?<![A-Za-z0-9.-]){re.escape(domain)}(?![A-Za-z0-9-]|\.[A-Za-z0-9])")
    found = []
    for place in _SCHEDULES:
        directory = Path(paths.root, place)
        try:
            entries = sorted(path for path in directory.iterdir() if path.is_file() and not path.is_symlink())
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        for path in entries:
            timed = "cron" in place or path.suffix in (".timer", ".service")
            if timed and (word.search(path.stem) or word.search(path.name) or word.search(_text(path))):
                found.append(str(path))
    return found
