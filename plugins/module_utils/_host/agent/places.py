# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places of the agent on a host, and the names of its units.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from ..._core.errors import RefusedError

__all__ = ("COLLECT", "PROGRAM", "SEND", "TIMER", "USER", "AgentPlaces", "require_systemd")

COLLECT, SEND, TIMER = "vsa-agent-collect.service", "vsa-agent-send.service", "vsa-agent.timer"
"""The units: the timer starts the sender, and the sender wants the collector before it."""

USER = "vsa-agent"
"""User of the sender, and group of both: who may read the snapshot."""

PROGRAM = "usr/local/lib/vsa/agent.pyz"
"""The program of both units, from the root of the host."""


@dataclass(frozen=True)
class AgentPlaces:
    """The paths of the agent under ``root``, which is ``/`` except in tests."""

    root: str = "/"

    @functools.cached_property
    def config(self) -> Path:
        """Return the directory of address and token. Only root enters it; systemd hands both to the sender."""
        return Path(self.root, "etc/vsa/agent")

    @property
    def hub(self) -> Path:
        """Return the file with the address of the hub and what is trusted besides the host's own roots."""
        return self.config / "hub.json"

    @property
    def token(self) -> Path:
        """Return the file of the token."""
        return self.config / "token"

    @property
    def registered(self) -> bool:
        """Say whether the agent of this host has a hub."""
        return self.hub.is_file() and self.token.is_file()

    @functools.cached_property
    def run(self) -> Path:
        """Return the directory of what the collector writes, on a tmpfs. Root and the sender's group enter it."""
        return Path(self.root, "run/vsa-agent")

    @property
    def snapshot(self) -> Path:
        """Return what the collector read last."""
        return self.run / "snapshot.json"

    @property
    def kept(self) -> Path:
        """Return what the collector need not read again."""
        return self.run / "kept.json"

    @property
    def state(self) -> Path:
        """Return the sender's state: epoch, sequence, cursor, waits, and what the hub said last."""
        return Path(self.root, "var/lib/vsa-agent/state.json")

    @property
    def state_in_memory(self) -> Path:
        """Return where the sender's state waits while the disk is full."""
        return Path(self.root, "run/vsa-agent-send/state.json")

    @property
    def program(self) -> Path:
        """Return the program of both units."""
        return Path(self.root, PROGRAM)

    def unit(self, name: str) -> Path:
        """Return the file of a unit."""
        return Path(self.root, "etc/systemd/system", name)


def require_systemd(root: str = "/") -> None:
    """Raise RefusedError if this host was not booted with systemd."""
    if not Path(root, "run/systemd/system").is_dir():
        raise RefusedError("this host has no systemd, and the agent is two units of systemd")
