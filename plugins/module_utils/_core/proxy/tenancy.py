# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that two tenants share: one serves sites of both, or sits on the edge network of another tenant.

Such a container joins two networks that are to be apart, and whoever is inside it reaches both.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..networks import EDGE, is_edge_network

__all__ = ("Shared", "new_pairs", "owner_of", "pairs_of", "shared_containers")

Index = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Shared:
    """A container of a site that belongs to another tenant too. ``by`` says what shows that."""

    domain: str
    container: str
    network: str
    by: str

    def __str__(self) -> str:
        """Return the sentence for an error or a finding."""
        return f"{self.container}, which serves {self.domain} ({owner_of(self.network)}), {self.by}"


def owner_of(network: str) -> str:
    """Return whose edge network this is, in words."""
    return "no tenant" if network == EDGE else f"tenant {network.removeprefix(f'{EDGE}_')}"


def pairs_of(sites: Index) -> set[tuple[str, str]]:
    """Return each (network, container) that sites need."""
    return {(str(entry["network"]), container) for entry in sites.values() for container in entry["containers"]}


def new_pairs(before: Index, after: Index, domains: Collection[str]) -> dict[str, list[str]]:
    """Return the containers of these sites that are new on their network, by domain."""
    found = {}
    for domain in domains:
        old = pairs_of({domain: before[domain]}) if domain in before else set()
        new = [name for network, name in sorted(pairs_of({domain: after[domain]})) if (network, name) not in old]
        if new:
            found[domain] = new
    return found


def shared_containers(
    sites: Index, wanted: Mapping[str, Collection[str]], networks: Mapping[str, Collection[str]]
) -> list[Shared]:
    """Return the containers of sites that belong to another tenant too.

    * ``sites``: all sites, as the index of a generation has them. ``wanted``: the containers to look at, by domain.
    * ``networks``: the networks of each container. A network that VSA is about to leave is not among them.
    """
    users: dict[str, list[tuple[str, str]]] = {}
    for domain, entry in sites.items():
        for container in entry["containers"]:
            users.setdefault(container, []).append((domain, str(entry["network"])))
    found = []
    for domain, containers in wanted.items():
        network = str(sites[domain]["network"])
        for container in containers:
            others = [(other, theirs) for other, theirs in users.get(container, ()) if theirs != network]
            found += [
                Shared(domain, container, network, f"also serves {other} ({owner_of(theirs)})")
                for other, theirs in sorted(others)
            ]
            served = {theirs for _other, theirs in others}
            strange = [
                name
                for name in sorted(networks.get(container, ()))
                if is_edge_network(name) and name not in (network, EDGE) and name not in served
            ]
            found += [Shared(domain, container, network, f"is on {name} ({owner_of(name)})") for name in strange]
    return found
