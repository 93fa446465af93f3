# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a list shows: its columns, and the order of its rows. Both doors show the same columns in the same words.

The command prints a table with colours. At Ansible's own door :func:`plain_table` makes plain lines of it.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .words import NOTHING, escaped, word

__all__ = ("LAST", "Listing", "changed_by", "ordered", "plain_pairs", "plain_table", "time_left")

_WORST = (
    *"down invalid broken expired mismatch missing failed exited dead unhealthy restarting expiring".split(),
    *"locked pending warning edited unused".split(),
    "cannot renew",
    "not live",
    "not checked",
    "maintenance",
    "due",
)

LAST = len(_WORST)
"""The rank of an entry that has nothing wrong."""

Entry = Mapping[str, Any]


def _state(entry: Entry) -> str:
    return str(entry.get("state", ""))


@dataclass(frozen=True)
class Listing:
    """A list of a module's result.

    * ``key``: where the entries stand in the result.
    * ``columns``: titles, each with a function that returns the cell of an entry.
    * ``state``: returns the state of an entry; the worst entries come first.
    """

    key: str
    columns: Sequence[tuple[str, Callable[[Entry], Any]]]
    state: Callable[[Entry], str] = _state

    def titles(self) -> list[str]:
        """Return the titles of the columns."""
        return [title for title, _fill in self.columns]

    def cells(self, entry: Entry) -> list[Any]:
        """Return the cells of an entry."""
        return [fill(entry) for _title, fill in self.columns]

    def rank(self, entry: Entry) -> int:
        """Return the place of an entry's state in the order of rows: 0 is the worst."""
        state = self.state(entry)
        return _WORST.index(state) if state in _WORST else LAST


def ordered(entries: Iterable[Entry], listing: Listing) -> list[Entry]:
    """Return the entries of a list, the worst first."""
    return sorted(entries, key=listing.rank)


def plain_table(payload: Mapping[str, Any], listing: Listing) -> list[str]:
    """Return the lines of a table: the titles, then a line for each entry. No entry: one line that says so."""
    entries = ordered(payload.get(listing.key) or (), listing)
    if not entries:
        return [f"no {listing.key}"]
    rows = [listing.titles(), *([word(cell) for cell in listing.cells(entry)] for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def plain_pairs(subject: Any, pairs: Iterable[tuple[str, Any]]) -> list[str]:
    """Return the lines of one thing in full: its name, then labels and values. A list has one line per entry."""
    lines = [word(subject)]
    labelled = list(pairs)
    width = max((len(label) for label, _value in labelled), default=0)
    for label, value in labelled:
        entries = value if isinstance(value, list) and value else [value]
        for number, entry in enumerate(entries):
            shown = "" if number else escaped(label)
            lines.append(f"  {shown:{width}}  {word(entry)}")
    return lines


def time_left(seconds: float | None, fraction: float | None) -> str:
    """Return the time that a certificate is still valid: days (hours below two days), and the share of its lifetime."""
    if seconds is None:
        return NOTHING
    if seconds <= 0:
        return "0 d"
    amount = f"{int(seconds // 86400)} d" if seconds >= 2 * 86400 else f"{int(seconds // 3600)} h"
    return amount if fraction is None else f"{amount} ({fraction:.0%})".replace("%", " %")


def changed_by(entry: Entry | None, *, short: bool = False) -> str | None:
    """Return who changed something last, when and by which verb: in full, or in a few words for a table."""
    if not entry:
        return None
    if short:
        return f"{str(entry.get('time'))[:10]} {str(entry.get('actor')).partition('@')[0]}"
    return (
        f"{entry.get('time')} by {entry.get('actor')}: {entry.get('verb')}, "
        f"generation {entry.get('generation')}, audit {entry.get('audit_id')}"
    )
