# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edge networks: connect the proxy and the containers before a switch, undo that, and clean up after a commit.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._core.errors import VsaError
from ..._core.networks import EDGE, ula_subnet
from ..machine.files import dump_yaml, write_atomically
from ..store.generations import Journal, Record
from ..store.layout import Paths
from .nginx import CONTAINER

if TYPE_CHECKING:
    from ..machine.docker import Container
    from .protocols import ProxyEngine

__all__ = ("connect_networks", "leave_networks", "plan_networks", "undo_networks", "write_override")


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


def connect_networks(engine: ProxyEngine, journal: Journal) -> None:
    """Create the networks of a journal, and connect the proxy and the sites' containers."""
    for name in journal.networks:
        engine.ensure_network(name, subnet6=ula_subnet(name), labels={"vsa.edge": "1"})
    for name in journal.attached:
        engine.connect(name, CONTAINER)
    for network, container in journal.joined:
        engine.connect(network, container)


def undo_networks(engine: ProxyEngine, journal: Journal) -> None:
    """Undo connect_networks, also if it was interrupted."""
    for network, container in journal.joined:
        engine.disconnect(network, container)
    for name in journal.attached:
        engine.disconnect(name, CONTAINER)
    for name in journal.networks:
        engine.remove_network(name)


def leave_networks(engine: ProxyEngine, record: Record, base: Record | None) -> list[str]:
    """Clean up edge networks after a commit.

    Disconnect containers whose site moved to another network, and the proxy from networks that no site uses. A
    container is disconnected only if VSA connected it. A network is removed only if VSA made it and nothing else is
    connected. The change itself is live and proven by now, so a failure is only a note. Returns the notes.
    """
    if base is None:
        return []
    notes = []
    for network, container in _moved_containers(record, base):
        try:
            notes += _disconnect_container(engine, network, container)
        except VsaError as error:
            notes.append(f"{container} is still on {network}: {error.message}")
    for network in sorted(set(base.networks) - {*record.networks, EDGE}):
        try:
            notes += _leave_network(engine, network)
        except VsaError as error:
            notes.append(f"the network {network} stays: {error.message}")
    return notes


def _moved_containers(record: Record, base: Record) -> list[tuple[str, str]]:
    """Return (old network, container) for each site that moved, except pairs that another site still needs."""
    needed = {(entry["network"], name) for entry in record.sites.values() for name in entry["containers"]}
    moved = set()
    for domain, entry in record.sites.items():
        before = base.sites.get(domain)
        if before and before["network"] != entry["network"]:
            moved |= {(before["network"], name) for name in entry["containers"]}
    return sorted(moved - needed)


def _disconnect_container(engine: ProxyEngine, network: str, container: str) -> list[str]:
    if engine.joined(container, network):
        engine.disconnect(network, container)
        return [f"{container} left {network}"]
    if container in engine.members(network):
        return [f"{container} is still on {network}, where VSA did not put it: its Compose file says so"]
    return []


def _leave_network(engine: ProxyEngine, network: str) -> list[str]:
    if CONTAINER in engine.members(network):
        engine.disconnect(network, CONTAINER)
    members = engine.remove_edge(network)
    if members:
        return [f"the proxy left {network}, which stays: {', '.join(members[:5])} on it"]
    return []


def write_override(paths: Paths, networks: list[str]) -> None:
    """Write the Compose override with the tenants' networks, so that a recreated proxy is connected to them again."""
    tenants = [name for name in networks if name != EDGE]
    if not tenants:
        paths.override.unlink(missing_ok=True)
        return
    text = "# Written by vsa: the tenants' edge networks, for when the proxy is recreated.\n" + dump_yaml(
        {
            "services": {"nginx": {"networks": {name: {} for name in tenants}}},
            "networks": {name: {"external": True} for name in tenants},
        }
    )
    write_atomically(paths.override, text, mode=0o644)
