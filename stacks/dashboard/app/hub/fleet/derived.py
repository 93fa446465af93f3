"""Rows of a page, made of the rows of one node, and made again only if these change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.fleet.kinds import order
from hub.fleet.snapshot import Kept, NodeState, Snapshot

__all__ = ("Derived", "Make", "PageRow")

PageRow = Mapping[str, Any]
"""A row of a page: what it shows and what it is found and sorted by. No value depends on the time."""
Make = Callable[[NodeState], Sequence[PageRow]]
"""Makes the rows of one node."""
Notice = Callable[[Sequence[PageRow]], Iterable[Any]]
"""Makes the items that need attention of the rows of one node."""

# What was so when a node was heard last, and may be so no longer.
_PASSING = ("ok", "busy", "old")


@dataclass
class _Made:
    """The rows of a node with the rows that they were made of, as they are shown of a silent node, and their items."""

    made_of: tuple[tuple[Kept, ...], ...]
    rows: Sequence[PageRow]
    items: Sequence[Any]
    old: Sequence[PageRow] | None = None


@dataclass
class Derived:
    """The rows of one page, kept by node. ``sections`` are those that the rows are made of."""

    make: Make
    sections: tuple[str, ...]
    notice: Notice
    _kept: dict[str, _Made] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, snapshot: Snapshot, old: Collection[str]) -> tuple[list[PageRow], list[Any]]:
        """Return the rows of all nodes, and the items of those that are not ``old``."""
        rows: list[PageRow] = []
        items: list[Any] = []
        with self._lock:
            for gone in set(self._kept) - {state.id for state in snapshot.nodes}:
                del self._kept[gone]
            for state in snapshot.nodes:
                made = self._of_node(state)
                if state.id not in old:
                    rows += made.rows
                    items += made.items
                    continue
                if made.old is None:
                    made.old = _sorted(map(_aged, made.rows))
                rows += made.old
        return rows, items

    def _of_node(self, state: NodeState) -> _Made:
        made_of = tuple(state.section(name).rows for name in self.sections)
        before = self._kept.get(state.id)
        # The same objects: rows of a section that did not change are not read again.
        if before is None or any(was is not now for was, now in zip(before.made_of, made_of, strict=True)):
            rows = _sorted(self.make(state))
            before = _Made(made_of, rows, list(self.notice(rows)))
            self._kept[state.id] = before
        return before


def _aged(row: PageRow) -> PageRow:
    return {**row, "is_old": True, "kind": "silent" if row["kind"] in _PASSING else row["kind"]}


def _sorted(rows: Iterable[PageRow]) -> list[PageRow]:
    """Return rows as a list shows them, the worst first. ``place`` is their place among those of all nodes."""
    found: list[PageRow] = [{**row, "place": (order(row["kind"]), row["name"], row["node"])} for row in rows]
    found.sort(key=lambda row: row["place"])
    return found
