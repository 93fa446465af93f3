# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of edge networks after a change that is proven: left by whoever has no business there any more.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.errors import VsaError
from ..._core.networks import EDGE
from ..machine.docker import Engine
from ..store.generations import Record
from .nginx import CONTAINER

__all__ = ("leave_edges",)


def leave_edges(engine: Engine, record: Record, base: Record | None) -> list[str]:
    """Take containers off the network that their site has left, and the proxy off those that have no site any more.

    A container leaves only what VSA had joined it to; a network goes where VSA made it and nothing else is on it. What
    fails is a note: the change itself is live and proven. Returns the notes.
    """
    if base is None:
        return []
    notes = []
    for network, container in _moved(record, base):
        try:
            if engine.joined(container, network):
                engine.disconnect(network, container)
                notes.append(f"{container} left {network}")
            elif container in engine.members(network):
                notes.append(f"{container} is still on {network}, where VSA did not put it: its Compose file says so")
        except VsaError as error:
            notes.append(f"{container} is still on {network}: {error.message}")
    for network in sorted(set(base.networks) - {*record.networks, EDGE}):
        try:
            if CONTAINER in engine.members(network):
                engine.disconnect(network, CONTAINER)
            if members := engine.remove_edge(network):
                notes.append(f"the proxy left {network}, which stays: {', '.join(members[:5])} on it")
        except VsaError as error:
            notes.append(f"the network {network} stays: {error.message}")
    return notes


def _moved(record: Record, base: Record) -> list[tuple[str, str]]:
    """Return the network and the container of each site that is on another network now, but for what still needs it."""
    needed = {(entry["network"], name) for entry in record.sites.values() for name in entry["containers"]}
    found = {
        (before["network"], name)
        for domain, entry in record.sites.items()
        if (before := base.sites.get(domain)) and before["network"] != entry["network"]
        for name in entry["containers"]
    }
    return sorted(found - needed)
