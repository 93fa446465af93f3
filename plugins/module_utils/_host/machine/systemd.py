# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of the host: the state of a systemd unit, and its last lines in the journal.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

from .programs import output_of

__all__ = ("UnitState", "journal_of", "read_unit")

_LINES = 20


@dataclass(frozen=True)
class UnitState:
    """Whether a unit runs now, and whether it starts at every boot. A unit that does not exist does neither."""

    active: bool = False
    enabled: bool = False


def read_unit(name: str) -> UnitState:
    """Return the state of a unit such as docker.service."""
    printed = output_of(["systemctl", "show", name, "--property=ActiveState,UnitFileState"]) or ""
    lines = printed.splitlines()
    return UnitState(active="ActiveState=active" in lines, enabled="UnitFileState=enabled" in lines)


def journal_of(name: str, *, program: str) -> str:
    """Return the last lines that a program of a unit wrote, without the lines of systemd itself."""
    argv = ["journalctl", f"--unit={name}", f"--identifier={program}", f"--lines={_LINES}", "--output=cat"]
    return output_of([*argv, "--no-pager"]) or ""
