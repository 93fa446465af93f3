# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows that need not be read again while nothing changed that they are made of.

Each row is kept with a stamp of its sources. It is read again if the stamp differs, if what the row itself depends on
differs, and once in a while in any case: a stamp may miss something. So that no beat reads everything, only some rows
come due in one beat.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ("Kept", "Rows", "file_stamp", "most_due")

Rows = Mapping[str, Mapping[str, Any]]
"""Rows by their key."""

Depends = Callable[[str, Mapping[str, Any]], object]

_HOUR = 3600.0
# The rows that come due are read again over so many beats.
_BEATS = 20


def most_due(rows: int) -> int:
    """Return how many of so many rows come due in one beat at most, besides those whose sources changed."""
    return max(1, math.ceil(rows / _BEATS))


def _on_nothing(_key: str, _row: Mapping[str, Any]) -> object:
    return None


class Kept:
    """The rows of the last beat. ``now`` counts seconds since the start of the kernel."""

    def __init__(self, known: object, *, now: float) -> None:
        self._known: dict[str, Any] = known if isinstance(known, dict) else {}
        self._next: dict[str, Any] = {}
        self._now = float(now)

    def rows(
        self,
        section: str,
        stamps: Mapping[str, object],
        read: Callable[[Sequence[str]], Rows],
        *,
        depends: Depends = _on_nothing,
        every: float = _HOUR,
    ) -> list[Mapping[str, Any]]:
        """Return the rows of a section: kept ones, and those that ``read`` returns for the keys that it gets.

        * ``stamps`` are JSON values, by key, taken before anything is read: what changes later differs the next time.
        * ``every``: the seconds after which a row is read again in any case.
        * ``depends`` returns a JSON value of a row: the state of what the row names, which was read before too.

        A key without a row has none next time either, and is read again then.
        """
        known = self._entries(section)
        due = self._due(known, stamps, depends, every)
        fresh = read(due) if due else {}
        kept: dict[str, Any] = {}
        for key, stamp in stamps.items():
            if key in fresh:
                row = fresh[key]
                kept[key] = {"stamp": stamp, "on": depends(key, row), "at": self._now, "row": row}
            elif key not in due:
                kept[key] = known[key]
        self._next[section] = kept
        return [entry["row"] for entry in kept.values()]

    def row(self, section: str, key: str) -> Mapping[str, Any] | None:
        """Return the row of a key in a section that was read in this beat; None if there is none."""
        entry = (self._next.get(section) or {}).get(key)
        return entry["row"] if entry else None

    def _entries(self, section: str) -> dict[str, Any]:
        """Return what is kept of a section, without damaged entries."""
        known = self._known.get(section)
        entries = known.items() if isinstance(known, dict) else ()
        return {
            key: entry
            for key, entry in entries
            if isinstance(entry, dict) and isinstance(entry.get("row"), dict) and isinstance(entry.get("at"), float)
        }

    def _due(self, known: Mapping[str, Any], stamps: Mapping[str, object], depends: Depends, every: float) -> list[str]:
        changed, old = [], []
        for key, stamp in stamps.items():
            entry = known.get(key)
            if entry is None or entry.get("stamp") != stamp or entry.get("on") != depends(key, entry["row"]):
                changed.append(key)
            elif not 0 <= self._now - entry["at"] < every:
                old.append((entry["at"], key))
        most = most_due(len(stamps))
        return [*changed, *(key for _at, key in sorted(old)[:most])]

    def as_json(self) -> dict[str, Any]:
        """Return what to keep for the next beat. A section that failed keeps what it had."""
        return {**self._known, **self._next}


def file_stamp(path: str | os.PathLike[str]) -> list[int] | None:
    """Return what changes if a file changes; None if there is none.

    The time of the last change of its rights counts too: what could be read may not be readable any more.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_ino, found.st_ctime_ns, found.st_size]
