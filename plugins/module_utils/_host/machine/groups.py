# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of the host: who has a number, and a group of our own with a fixed number.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from pathlib import Path

from ..._core.errors import RefusedError, RolledBackError
from .files import read_text
from .programs import output_of

__all__ = ("ensure_group", "group_names", "refuse_foreign_group")

_FILE = "etc/group"


def group_names(root: str) -> dict[int, str]:
    """Return the names of the host's groups by number. Source: group(5)."""
    names: dict[int, str] = {}
    for line in (read_text(Path(root, _FILE)) or "").splitlines():
        fields = line.split(":")
        if len(fields) == 4 and fields[2].isdigit():
            names.setdefault(int(fields[2]), fields[0])
    return names


def refuse_foreign_group(root: str, name: str, number: int) -> None:
    """Raise RefusedError if another group has the number, or if the name has another number."""
    names = group_names(root)
    other = names.get(number, name)
    if other != name:
        raise RefusedError(
            f"the group {number} of this host is {other}, and VSA needs this number for its own group {name}",
            field="group",
            value=number,
            expected=f"another number for {other}",
            hint=f"groupmod --gid NUMBER {other}, on the host, and chgrp for its files",
        )
    taken = next((found for found, known in names.items() if known == name and found != number), None)
    if taken is not None:
        raise RefusedError(
            f"the group {name} of this host has the number {taken}, and VSA needs {number} for it",
            field="group",
            value=taken,
            expected=str(number),
            hint=f"groupmod --gid {number} {name}, on the host",
        )


def ensure_group(root: str, name: str, number: int) -> bool:
    """Make a group with a fixed number unless it is there, and return whether it was made. See groupadd(8).

    The name shows in listings, and nobody else gets the number. RefusedError as with ``refuse_foreign_group``.
    """
    refuse_foreign_group(root, name, number)
    if number in group_names(root) or not Path(root, _FILE).exists():
        return False
    elsewhere = [] if root == "/" else ["--prefix", root]
    if output_of(["groupadd", *elsewhere, "--gid", str(number), name]) is None:
        raise RolledBackError(f"groupadd did not make the group {name} ({number})", state="nothing of it was made")
    return True
