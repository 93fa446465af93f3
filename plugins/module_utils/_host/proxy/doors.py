# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doors between sites: a path of one site that shows without a password what another site protects.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._core.errors import RefusedError
from ..._core.finding import WARNING, Finding
from ..._core.hints import Advice, Hint
from ..._core.proxy.doors import Door, open_doors, own_doors
from ..._core.proxy.plan import manifest_file
from ..._core.site.manifest import Site
from ..store.host import Host

__all__ = ("Sites", "door_findings", "door_notes", "first_new_door", "refuse_new_doors")


@dataclass(frozen=True)
class Sites:
    """The sites of a generation: the manifest of each, and its entry of the index, by domain.

    A manifest is parsed only if its site may have a door, because a host can have a thousand sites. ``parsed`` has the
    sites that the caller has parsed already.
    """

    host: Host
    manifests: Mapping[str, str]
    index: Mapping[str, Mapping[str, Any]]
    parsed: Mapping[str, Site] = field(default_factory=dict)

    def site(self, domain: str) -> Site:
        """Return a site. RefusedError if its manifest is not valid."""
        known = self.parsed.get(domain)
        return known if known is not None else self.host.parse(domain, self.manifests[domain])

    def pairs(self, changed: set[str]) -> Iterator[tuple[str, str]]:
        """Yield each site that may have a door, and the site that protects something in a container that both use.

        Both can be the same site. At least one of the two is in ``changed``.
        """
        owners = [domain for domain, entry in self.index.items() if entry.get("auth")]
        if not owners or not changed:
            return
        users: dict[tuple[str, str], set[str]] = {}
        for domain, entry in self.index.items():
            for container in entry["containers"]:
                users.setdefault((entry["network"], container), set()).add(domain)
        for owner in owners:
            entry = self.index[owner]
            sharing = set().union(*(users[entry["network"], container] for container in entry["containers"]))
            for domain in sorted(sharing):
                if domain in changed or owner in changed:
                    yield domain, owner


def first_new_door(sites: Sites, before: Mapping[str, str], changed: set[str]) -> tuple[str, RefusedError] | None:
    """Return the first changed site that opens a door to another site's protected path, with the error.

    ``before`` are the manifests of before the change. A door that was there before is not refused: VSA names it.
    """
    for domain, owner in sites.pairs(changed):
        if domain not in changed or domain == owner:
            continue
        found = open_doors(sites.site(domain), sites.site(owner))
        known = _doors_before(sites, before, domain, owner)
        new = [door for door in found if door not in known]
        if new:
            return domain, _refusal(new[0])
    return None


def refuse_new_doors(host: Host, wanted: Iterable[Site], *, removed: Iterable[str] = ()) -> None:
    """Raise RefusedError if one of the wanted sites would show without a password what another site protects.

    ``removed`` are live sites that go in the same transaction. The transaction checks all of this again; this check
    comes before a CA is asked for a certificate.
    """
    parsed = {site.domain: site for site in wanted}
    live = _live_manifests(host)
    index = {domain: host.index[domain] for domain in live.keys() - {*removed}}
    for site in parsed.values():
        index[site.domain] = {"network": site.network, "containers": site.containers, "auth": site.auth}
    found = first_new_door(Sites(host, live, index, parsed), live, {*parsed})
    if found is not None:
        raise found[1]


def _live_manifests(host: Host) -> dict[str, str]:
    names = {domain: manifest_file(domain) for domain in host.index}
    return {domain: host.live.files[name] for domain, name in names.items() if name in host.live.files}


def _doors_before(sites: Sites, before: Mapping[str, str], domain: str, owner: str) -> list[Door]:
    """Return the doors that a site had to what is protected now, as its manifest was before the change."""
    if domain not in before:
        return []
    try:
        site = sites.host.parse(domain, before[domain])
    except RefusedError:
        return []
    return open_doors(site, sites.site(owner))


def _refusal(door: Door) -> RefusedError:
    return RefusedError(
        f"{door.domain}{door.path} would show without a password what {door.of_domain} protects at {door.of_path}: "
        f"both lead to {door.container}:{door.port}",
        field="routes",
        value=door.path,
        expected="a route to another container, a password at this path, or the path in allow_unprotected",
        hint=(
            Hint("auth.add", {"domain": door.domain, "route": door.path}, note="once the site exists"),
            Hint("site.provision", {"allow_unprotected": door.path}, same=True),
        ),
    )


def door_notes(sites: Sites, changed: set[str]) -> list[str]:
    """Return a note for each door of a changed site, and for each door to what a changed site protects."""
    notes = []
    for domain in sorted(changed & {*sites.index}):
        if sites.index[domain].get("auth"):
            notes += [
                f"{domain}{path} asks for the same password as {protected}, because it leads to the same container"
                for path, protected in own_doors(sites.site(domain)).items()
            ]
    return notes + [_text(door) for door in _doors(sites, changed)]


def door_findings(host: Host) -> list[Finding]:
    """Return a finding for each path of a live site that shows without a password what another site protects."""
    manifests = _live_manifests(host)
    index = {domain: host.index[domain] for domain in manifests}
    return [
        Finding(
            "open-door",
            WARNING,
            door.domain,
            _text(door),
            Advice("", Hint("auth.add", {"domain": door.domain, "route": door.path})),
        )
        for door in _doors(Sites(host, manifests, index), {*index})
    ]


def _doors(sites: Sites, changed: set[str]) -> Iterable[Door]:
    for domain, owner in sites.pairs(changed):
        try:
            yield from open_doors(sites.site(domain), sites.site(owner))
        except RefusedError:
            continue  # the manifest is not valid, which has its own finding


def _text(door: Door) -> str:
    return (
        f"{door.domain}{door.path} shows without a password what {door.of_domain} protects at {door.of_path}: "
        f"both lead to {door.container}:{door.port}"
    )
