# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sites that an inventory declares, compared with the sites that a host has.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._core.errors import RefusedError, UsageError
from ..._core.proxy.plan import manifest_file
from ..._core.site.declared import WHERE, clashes, differing_fields, in_one, parse_declared
from ..._core.site.manifest import Site
from ..store.host import Host
from .preflight import MOST_LISTED

__all__ = ("ADOPTED", "CHANGED_SITE", "MENDED", "NEW", "STATES", "UNCHANGED", "Comparison", "compare")

NEW = "new"
CHANGED_SITE = "changed"
# The site was typed, and is declared with the same fields now.
ADOPTED = "adopted"
# The site is as declared, but the host is not: a manifest was edited, or a container left the edge network.
MENDED = "mended"
UNCHANGED = "unchanged"
STATES = (NEW, CHANGED_SITE, ADOPTED, MENDED, UNCHANGED)


@dataclass(frozen=True)
class Comparison:
    """The declared sites, the state of each, and the sites of the host that are not declared.

    ``notes`` say what differs. ``pruned`` are the undeclared sites that leave the proxy.
    """

    sites: Mapping[str, Site]
    states: Mapping[str, str]
    notes: tuple[str, ...]
    undeclared: tuple[str, ...]
    pruned: tuple[str, ...]

    @property
    def touched(self) -> list[str]:
        """Return the domains of the sites that are new or changed."""
        return [domain for domain, state in self.states.items() if state in (NEW, CHANGED_SITE)]


def compare(host: Host, entries: Sequence[Any] | None, *, prune: bool, attached: Mapping[str, set[str]]) -> Comparison:
    """Compare declarations with a host. VsaError has every mistake in the declarations.

    ``entries`` is None if the inventory declares nothing for the host. ``attached`` has the networks of each container.
    """

    def live_site(domain: str) -> Site | None:
        try:
            return host.live_site(domain)
        except RefusedError:
            return None

    sites, wrong = parse_declared(entries or [], live_site)
    undeclared = tuple(sorted({*host.manifests, *host.live.domains} - set(sites)))
    if prune and entries is None:
        raise UsageError(
            "nothing is declared for this host, and prune would remove all of its sites",
            field=WHERE,
            expected="the sites of this host in its host_vars, or {} for none at all",
            there_are=list(undeclared[:MOST_LISTED]),
        )
    pruned = undeclared if prune and not wrong else ()
    wrong += clashes(sites, _names_of_others(host, {*sites, *pruned}))
    if wrong:
        raise in_one(wrong, of=len(entries or []))
    states, notes = {}, []
    for domain, site in sites.items():
        states[domain], note = _state(host, site, live_site(domain), attached)
        if note:
            notes.append(f"{domain}: {note}")
    return Comparison(sites, states, tuple(notes), undeclared, pruned)


def _names_of_others(host: Host, domains: set[str]) -> dict[str, str]:
    """Return the domain of each name of the live sites that are not among these."""
    others = {domain: entry for domain, entry in host.index.items() if domain not in domains}
    return {name: domain for domain, entry in others.items() for name in entry["names"]}


def _state(host: Host, site: Site, before: Site | None, attached: Mapping[str, set[str]]) -> tuple[str, str | None]:
    """Return the state of a declared site, with a note about what differs."""
    text = host.live.files.get(manifest_file(site.domain))
    if before is None:
        return (NEW, "new") if text is None else (CHANGED_SITE, "its live manifest is not valid")
    fields = differing_fields(before, site)
    if fields == ["origin"]:
        return ADOPTED, "was typed, is declared from now on"
    if fields:
        return CHANGED_SITE, ", ".join(fields)
    left = [name for name in site.containers if name in attached and site.network not in attached[name]]
    if left:
        return MENDED, f"{', '.join(left)} left {site.network}"
    if host.manifests.get(site.domain) != text:
        return MENDED, "its manifest was edited by hand"
    return UNCHANGED, None
