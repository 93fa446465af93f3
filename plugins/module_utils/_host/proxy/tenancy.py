# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse a container that two tenants would share, and name those that stand.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..._core.errors import RefusedError
from ..._core.finding import WARNING, Finding
from ..._core.networks import EDGE, is_edge_network
from ..._core.proxy.tenancy import Shared, new_pairs, owner_of, pairs_of, shared_containers
from ..._core.site.manifest import Site
from ..machine.docker import Container
from ..store.host import Host

if TYPE_CHECKING:
    from .protocols import ProxyEngine

__all__ = ("find_shared", "refuse_shared", "shared_error", "shared_findings")

Index = Mapping[str, Mapping[str, Any]]


def find_shared(engine: ProxyEngine, before: Index, after: Index, changed: Collection[str]) -> list[Shared]:
    """Return the containers that changed sites would share with another tenant, and did not share before.

    A network that VSA joined and that no site needs any more is left by the same change, so it does not count.
    """
    wanted = new_pairs(before, after, [domain for domain in sorted(changed) if domain in after])
    needed = pairs_of(after)
    networks: dict[str, list[str]] = {}
    for name in {name for names in wanted.values() for name in names}:
        container = engine.container(name)
        on = [network for network in (container.networks if container else ()) if is_edge_network(network)]
        networks[name] = [network for network in on if (network, name) in needed or not engine.joined(name, network)]
    return shared_containers(after, wanted, networks)


def refuse_shared(engine: ProxyEngine, host: Host, wanted: Iterable[Site], *, removed: Iterable[str] = ()) -> None:
    """Raise RefusedError if one of the wanted sites would share a container with another tenant.

    ``removed`` are live sites that go in the same transaction. The transaction checks this again; this check comes
    before a CA is asked for a certificate.
    """
    sites = tuple(wanted)
    gone = {*removed}
    after: dict[str, Mapping[str, Any]] = {name: entry for name, entry in host.index.items() if name not in gone}
    for site in sites:
        after[site.domain] = {"network": site.network, "containers": site.containers}
    shared = find_shared(engine, host.index, after, [site.domain for site in sites])
    if shared:
        raise shared_error(shared)


def shared_error(shared: Sequence[Shared]) -> RefusedError:
    """Return the error that names each container that two tenants would share."""
    first = shared[0]
    return RefusedError(
        f"{first.container} {first.by}, and {first.domain} belongs to {owner_of(first.network)}",
        field="container",
        value=first.container,
        expected="a container of its own for each tenant",
        details=[str(entry) for entry in shared[1:]],
    )


def shared_findings(sites: Index, containers: Sequence[Container]) -> list[Finding]:
    """Return the containers of live sites that belong to another tenant too, or sit on the network of all."""
    networks = {container.name: [*container.networks] for container in containers}
    wanted = {domain: entry["containers"] for domain, entry in sites.items()}
    remedy = "give each tenant a container of its own, and take the network out of its Compose file"
    findings = [
        Finding("shared-container", WARNING, entry.domain, str(entry), remedy)
        for entry in shared_containers(sites, wanted, networks)
    ]
    return findings + _on_common(sites, networks)


def _on_common(sites: Index, networks: Mapping[str, Collection[str]]) -> list[Finding]:
    """Return the containers of tenants that are on the common edge network, where every site without a tenant is."""
    needed = pairs_of(sites)
    remedy = f"take {EDGE} out of its Compose file, or: docker network disconnect {EDGE} CONTAINER, on the host"
    return [
        Finding(
            "container-on-common-network",
            WARNING,
            domain,
            f"{name} ({owner_of(str(entry['network']))}) is on {EDGE} too: the containers of other sites reach it",
            remedy,
        )
        for domain, entry in sorted(sites.items())
        for name in entry["containers"]
        if entry["network"] != EDGE and EDGE in networks.get(name, ()) and (EDGE, name) not in needed
    ]
