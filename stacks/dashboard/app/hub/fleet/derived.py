"""Rows of a page, made of the rows of one node, and made again only if these change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.fleet.snapshot import Kept, NodeState, Snapshot

__all__ = ("Derived", "Make", "PageRow")

PageRow = Mapping[str, Any]
"""A row of a page: what it shows and what it is found and sorted by. No value depends on the time."""
Make = Callable[[NodeState], Sequence[PageRow]]
"""Makes the rows of one node."""


@dataclass
class Derived:
    """The rows of one page, kept by node. ``sections`` are those that the rows are made of."""

    make: Make
    sections: tuple[str, ...]
    _kept: dict[str, tuple[tuple[tuple[Kept, ...], ...], Sequence[PageRow]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, snapshot: Snapshot) -> list[PageRow]:
        """Return the rows of all nodes."""
        found: list[PageRow] = []
        with self._lock:
            for gone in set(self._kept) - {state.id for state in snapshot.nodes}:
                del self._kept[gone]
            for state in snapshot.nodes:
                found += self._of_node(state)
        return found

    def _of_node(self, state: NodeState) -> Sequence[PageRow]:
        made_of = tuple(state.section(name).rows for name in self.sections)
        before = self._kept.get(state.id)
        # The same object: rows of a section that did not change are not read again.
        if before is None or any(old is not new for old, new in zip(before[0], made_of, strict=True)):
            before = (made_of, self.make(state))
            self._kept[state.id] = before
        return before[1]
