# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall of a host as its settings, its networks and its stacks want it.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ..._core.firewall import FirewallPolicy, Opening, is_docker_bridge
from ..._core.settings import Settings
from ..machine.files import make_directory, read_json, write_atomically
from ..machine.firewall import foreign_bridges, install_firewall
from .layout import Paths
from .settings import read_settings

__all__ = ("BridgeEngine", "ensure_firewall", "is_closed", "note_openings", "wanted_policy")


class BridgeEngine(Protocol):
    """What the firewall needs of the Docker engine. The docstring stands at Engine."""

    def bridges(self) -> dict[str, str]: ...


def wanted_policy(paths: Paths, settings: Settings, engine: BridgeEngine | None) -> FirewallPolicy:
    """Return what the firewall of this host closes. Without an engine no network has a bridge of another name."""
    names = set(engine.bridges().values()) if engine is not None else set()
    foreign = tuple(name for name in foreign_bridges(paths.root) if name not in names)
    return FirewallPolicy(
        metadata_closed=settings.container_metadata == "closed",
        host_ports=settings.open_host_ports,
        openings=tuple(_openings(paths)),
        bridges=tuple(sorted(name for name in names if not is_docker_bridge(name))),
        foreign=foreign,
    )


def ensure_firewall(paths: Paths, engine: BridgeEngine | None, *, check: bool, close: bool = False) -> list[str]:
    """Bring the firewall in line with the host, and return what differed.

    ``close`` is for bootstrap. On a host of before, which bootstrap has not closed yet, any other verb closes nothing
    that containers reach today: only the rules come that the proxy's own network needs.
    """
    policy = wanted_policy(paths, read_settings(paths), engine)
    marker = _closed_marker(paths)
    if not close and not marker.exists():
        policy = FirewallPolicy(metadata_closed=False, host_ports=None, bridges=policy.bridges, foreign=policy.foreign)
    differed = install_firewall(paths.root, policy, check=check)
    if close and not check and not marker.exists():
        write_atomically(marker, "", mode=0o644)
    return differed


def is_closed(paths: Paths) -> bool:
    """Say whether bootstrap has closed this host."""
    return _closed_marker(paths).exists()


def _closed_marker(paths: Paths) -> Path:
    return paths.state / "firewall/closed"


def _openings_file(paths: Paths) -> Path:
    return paths.state / "firewall/openings.json"


def _openings(paths: Paths) -> list[Opening]:
    found = read_json(_openings_file(paths))
    stacks = found.get("stacks") if isinstance(found, dict) else None
    openings = []
    for _name, entry in sorted((stacks or {}).items()):
        ports = tuple(int(port) for port in entry["ports"])
        openings += [Opening(str(bridge), ports) for bridge in entry["bridges"]]
    return openings


def note_openings(paths: Paths, stack: str, ports: Sequence[int], bridges: Sequence[str]) -> bool:
    """Note the ports of the host that a stack declares, and the bridges of its containers. Says whether that is new."""
    path = _openings_file(paths)
    found = read_json(path)
    before: Mapping[str, object] = found.get("stacks", {}) if isinstance(found, dict) else {}
    after = {name: entry for name, entry in before.items() if name != stack}
    if ports and bridges:
        after[stack] = {"ports": sorted(ports), "bridges": sorted(bridges)}
    if after == before:
        return False
    make_directory(path.parent, mode=0o755)
    write_atomically(path, json.dumps({"schema": 1, "stacks": after}, indent=1) + "\n", mode=0o644)
    return True
