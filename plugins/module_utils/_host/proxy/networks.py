# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy's networks: make the entry network, connect the proxy and the containers before a switch, undo that, and
clean up after a commit.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._core.errors import VsaError
from ..._core.networks import EDGE, ENTRY, ENTRY_BRIDGE, is_edge_network, ula_subnet
from ..._core.proxy.tenancy import pairs_of
from ..machine.files import dump_yaml, write_atomically
from ..store.generations import Journal, Record
from ..store.layout import Paths
from .nginx import CONTAINER

if TYPE_CHECKING:
    from ..machine.docker import Container
    from .protocols import NetworkEngine, ProxyEngine

__all__ = (
    "additions_beyond",
    "connect_networks",
    "ensure_entry",
    "leave_all_tenants",
    "leave_networks",
    "override_text",
    "plan_networks",
    "rejoin_tenants",
    "tenant_networks",
    "undo_networks",
    "write_override",
)


def ensure_entry(engine: NetworkEngine) -> None:
    """Create the entry network unless it exists: with IPv6, unless the common edge network has none."""
    common = engine.network(EDGE)
    with_ipv6 = common is None or bool(common.get("EnableIPv6", True))
    subnet6 = ula_subnet(ENTRY) if with_ipv6 else None
    engine.ensure_network(ENTRY, subnet6=subnet6, labels={"vsa.network": "entry"}, bridge=ENTRY_BRIDGE)


def tenant_networks(proxy: Container) -> list[str]:
    """Return the tenants' networks that the proxy is on."""
    return sorted(name for name in proxy.networks if is_edge_network(name) and name != EDGE)


def leave_all_tenants(engine: NetworkEngine, proxy: Container) -> list[str]:
    """Disconnect the proxy from the tenants' networks before it is recreated, and return their names.

    An engine removes a container with many networks far slower than it disconnects the container from each of them.
    """
    left = tenant_networks(proxy)
    for name in left:
        engine.disconnect(name, CONTAINER)
    return left


def rejoin_tenants(engine: NetworkEngine, proxy: Container | None, wanted: list[str]) -> list[str]:
    """Connect the running proxy to the networks of the live sites that it is not on, and return their names.

    A network that is gone is made again; a container of the network has to be connected by its own start.
    """
    if proxy is None or not proxy.running:
        return []
    missing = [name for name in wanted if name not in proxy.networks]
    for name in missing:
        engine.ensure_network(name, subnet6=ula_subnet(name), labels={"vsa.edge": "1"})
        engine.connect(name, CONTAINER)
    return missing


def plan_networks(engine: ProxyEngine, proxy: Container | None, record: Record) -> Journal:
    """Return the journal of a commit: what it will add to the engine, so that a later run can undo it.

    ``proxy`` is NGINX's container, None if it does not exist.
    """
    attached = []
    if proxy is not None and proxy.running:
        attached = [name for name in record.networks if name not in proxy.networks]
    return Journal(
        base=record.base,
        to=record.number,
        networks=[name for name in record.networks if engine.network(name) is None],
        attached=attached,
        joined=record.joins,
    )


def additions_beyond(engine: ProxyEngine, proxy: Container | None, record: Record) -> Journal:
    """Return what VSA added to the engine beyond the networks of a live generation, as the journal of a commit.

    For a commit whose journal is lost.
    """
    beyond = [name for name in tenant_networks(proxy) if name not in record.networks] if proxy else []
    attached = [name for name in beyond if engine.joined(CONTAINER, name)]
    joined = [[name, member] for name in attached for member in engine.members(name) if member != CONTAINER]
    joined = [[name, member] for name, member in joined if engine.joined(member, name)]
    return Journal(base=record.number, to=record.number, networks=attached, attached=attached, joined=joined)


def connect_networks(engine: ProxyEngine, journal: Journal) -> None:
    """Create the networks of a journal, and connect the proxy and the sites' containers."""
    for name in journal.networks:
        engine.ensure_network(name, subnet6=ula_subnet(name), labels={"vsa.edge": "1"})
    for name in journal.attached:
        engine.connect(name, CONTAINER)
    for network, container in journal.joined:
        engine.connect(network, container)


def undo_networks(engine: ProxyEngine, journal: Journal) -> None:
    """Undo connect_networks, also if it was interrupted, and whatever became of the containers since.

    Each undo asks first what is there: what is already undone is done, and what somebody else connected stays.
    """
    for network, container in journal.joined:
        _take_back(engine, network, container)
    for name in journal.attached:
        _take_back(engine, name, CONTAINER)
    for name in journal.networks:
        _remove_network(engine, name)


def _take_back(engine: ProxyEngine, network: str, container: str) -> None:
    """Disconnect a container from a network if VSA connected it."""
    if not engine.joined(container, network):
        return
    try:
        engine.disconnect(network, container)
    except VsaError:
        # Somebody may have done the same meanwhile.
        if engine.joined(container, network):
            raise


def _remove_network(engine: ProxyEngine, name: str) -> None:
    """Remove a network that a commit made. It stays if containers are on it that VSA did not connect."""
    if engine.network(name) is None:
        return
    # A container that was renamed since has another name than in the journal.
    for member in engine.members(name):
        _take_back(engine, name, member)
    try:
        engine.remove_edge(name)
    except VsaError:
        if engine.network(name) is not None and not engine.members(name):
            raise


def leave_networks(engine: ProxyEngine, record: Record, base: Record | None) -> list[str]:
    """Clean up edge networks after a commit.

    Disconnect containers that no site of a network uses any more, and the proxy from networks that no site uses. A
    container is disconnected only if VSA connected it. A network is removed only if VSA made it and nothing else is
    connected. The change itself is live and proven by now, so a failure is only a note. Returns the notes.
    """
    if base is None:
        return []
    notes = []
    for network, container in _no_longer_needed(engine, record, base):
        try:
            notes += _disconnect_container(engine, network, container, moved=container in _containers(record))
        except VsaError as error:
            notes.append(f"{container} is still on {network}: {error.message}")
    for network in sorted(set(base.networks) - {*record.networks, EDGE}):
        try:
            notes += _leave_network(engine, network)
        except VsaError as error:
            notes.append(f"the network {network} stays: {error.message}")
    return notes


def _containers(record: Record) -> set[str]:
    return {name for entry in record.sites.values() for name in entry["containers"]}


def _no_longer_needed(engine: ProxyEngine, record: Record, base: Record) -> list[tuple[str, str]]:
    """Return (network, container) for each container that no site of this network uses any more.

    A container of a changed site may have been joined to further networks by an earlier change. They count too.
    """
    needed = pairs_of(record.sites)
    gone = pairs_of(base.sites) - needed
    for name in {name for domain in record.changed for name in record.sites.get(domain, {}).get("containers", ())}:
        found = engine.container(name)
        on = [network for network in (found.networks if found else ()) if is_edge_network(network)]
        gone |= {(network, name) for network in on if (network, name) not in needed and engine.joined(name, network)}
    return sorted(gone)


def _disconnect_container(engine: ProxyEngine, network: str, container: str, *, moved: bool) -> list[str]:
    if engine.joined(container, network):
        engine.disconnect(network, container)
        return [f"{container} left {network}"]
    if moved and container in engine.members(network):
        return [f"{container} is still on {network}, where VSA did not put it: its Compose file says so"]
    return []


def _leave_network(engine: ProxyEngine, network: str) -> list[str]:
    if CONTAINER in engine.members(network):
        engine.disconnect(network, CONTAINER)
    members = engine.remove_edge(network)
    if members:
        return [f"the proxy left {network}, which stays: {', '.join(members[:5])} on it"]
    return []


def override_text(networks: list[str]) -> str:
    """Return the Compose override with the tenants' networks, so that a recreated proxy is connected to them again."""
    tenants = [name for name in networks if name != EDGE]
    data: dict[str, Any] = {"services": {}}
    if tenants:
        data = {
            "services": {"nginx": {"networks": {name: {} for name in tenants}}},
            "networks": {name: {"external": True} for name in tenants},
        }
    return "# Written by vsa: the tenants' edge networks, for when the proxy is recreated.\n" + dump_yaml(data)


def write_override(paths: Paths, networks: list[str]) -> None:
    """Write the Compose override outside of a transaction."""
    write_atomically(paths.override, override_text(networks), mode=0o644)
