# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports of the host that a stack declares under ``host_ports``: the firewall opens them for the stack's networks.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.stack.manifest import Stack
from ..machine.docker import Engine
from ..store.firewall import ensure_firewall, note_openings
from ..store.layout import Paths
from .health import own_containers

__all__ = ("close_host_ports", "open_host_ports")


def open_host_ports(engine: Engine, paths: Paths, stack: Stack) -> None:
    """Open the ports for the networks of the stack's containers. Every container on these networks reaches them."""
    found: set[str] = set()
    if stack.host_ports:
        bridges = engine.bridges()
        joined = {name for container in own_containers(engine, stack, paths) for name in container.networks}
        found = {bridges[name] for name in joined if name in bridges}
    noted = note_openings(paths, _name(stack), stack.host_ports, sorted(found))
    # A run of before may have noted the ports and failed at the firewall.
    if noted or stack.host_ports:
        ensure_firewall(paths, engine, check=False)


def close_host_ports(paths: Paths, stack: Stack) -> None:
    """Forget the ports of a stack that was stopped."""
    if note_openings(paths, _name(stack), (), ()) or stack.host_ports:
        ensure_firewall(paths, None, check=False)


def _name(stack: Stack) -> str:
    return f"{stack.tenant}/{stack.name}"
