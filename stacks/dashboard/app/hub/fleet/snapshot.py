"""The fleet in memory: the last state of all nodes, read again only where a beat changed something.

A page of the dashboard needs most rows of the fleet to find the worst ones, and between two views few have changed. So
the rows of a section stay in memory until its digest changes. PostgreSQL stays the only truth: a snapshot is what one
transaction saw, with the times of that moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, select, text

from hub.answering import Answering
from hub.fleet.growth import Growth
from hub.nodes import attention_rows, node_row, of_time
from hub.tables import SECTION_TABLES, attention, node, section

__all__ = ("FleetRows", "Kept", "NodeState", "SectionState", "Snapshot", "aged")


@dataclass(frozen=True)
class Kept:
    """A row of a section: its key, its state, since when, and what it says."""

    key: str
    state: str
    since: datetime
    body: Mapping[str, Any]


@dataclass(frozen=True)
class SectionState:
    """A section of a node with its rows. If its source could not be read, the rows are older than the beat."""

    status: str
    error: str | None
    failed_since: datetime | None
    rows_at: datetime | None
    rows: tuple[Kept, ...]


# What is asked for within a time that passes, such as the failed runs of a day, is read again this often in any case.
_REREAD_SECONDS = 60
_NO_SECTION = SectionState("absent", None, None, None, ())


@dataclass(frozen=True)
class NodeState:
    """A node with all its sections. ``row`` is what `/api/v1/nodes` shows of it."""

    id: str
    row: Mapping[str, Any]
    received_at: datetime | None
    refused_at: datetime | None
    sections: Mapping[str, SectionState]
    attention: Sequence[Mapping[str, Any]]
    trail_error: str | None

    @property
    def freshness(self) -> str:
        """Return how fresh the node is at the time of the snapshot."""
        return str(self.row["freshness"])

    def section(self, name: str) -> SectionState:
        """Return a section; one that never came is absent and has no rows."""
        return self.sections.get(name, _NO_SECTION)

    def one(self, name: str) -> Mapping[str, Any]:
        """Return the body of a section that has one row, empty without the row."""
        rows = self.section(name).rows
        return rows[0].body if rows else {}


@dataclass(frozen=True)
class Snapshot:
    """All nodes by name at one time."""

    at: datetime
    nodes: tuple[NodeState, ...]
    # Bytes per second by node and filesystem.
    growth: Mapping[tuple[str, str], float] = field(default_factory=dict)
    # What needs attention besides the states of the nodes: items of the audit trails.
    more: Sequence[Any] = ()


@dataclass
class FleetRows:
    """Keeps the rows of all sections, each until the digest of its section changes.

    ``ask_more`` reads what needs attention besides, on the same connection and so at the same moment.
    """

    ask_more: Callable[[Connection, datetime], Sequence[Any]] | None = None
    _rows: dict[tuple[str, str], tuple[object, tuple[Kept, ...]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _growth: Growth = field(default_factory=Growth)
    # What PostgreSQL said of its transactions when everything was read last, what was read, and when.
    _seen: tuple[str, Snapshot, float] | None = None

    def read(self, engine: Engine, *, at: datetime, answering: Answering) -> Snapshot:
        """Return the fleet as it is now. An error of the database is the caller's."""
        with engine.connect() as connection:
            # One view of all tables: a beat that comes in between is seen whole or not at all.
            connection.execute(text("set transaction isolation level repeatable read read only"))
            # The text is the same as long as no transaction that writes began or ended. Readers do not change it.
            state = str(connection.scalar(text("select pg_current_snapshot()::text")))
            seen = self._seen
            if seen is not None and seen[0] == state and time.monotonic() - seen[2] < _REREAD_SECONDS:
                return replace(aged(seen[1], at, answering), at=at)
            entries = connection.execute(select(node).order_by(node.c.id)).all()
            registered = {entry.id: entry.registered_at for entry in entries}
            sections = self._sections(connection, registered)
            noted = attention_rows(connection, select(attention).order_by(attention.c.node, attention.c.kind))
            growth = self._growth.read(connection, at=at)
            more = self.ask_more(connection, at) if self.ask_more else ()
        states = tuple(_state(entry, sections.get(entry.id, {}), noted, at, answering) for entry in entries)
        found = Snapshot(at, states, growth, more)
        self._seen = (state, found, time.monotonic())
        return found

    def _sections(
        self, connection: Connection, registered: Mapping[str, datetime]
    ) -> dict[str, dict[str, SectionState]]:
        found: dict[str, dict[str, SectionState]] = {}
        with self._lock:
            known = set()
            for entry in connection.execute(select(section)):
                place = (entry.node, entry.name)
                known.add(place)
                # A digest says what the rows are, and not since when: a node that was added anew has other times.
                mark = (registered.get(entry.node), entry.digest, None if entry.digest else entry.rows_at)
                rows = self._kept(connection, place, mark)
                state = SectionState(entry.status, entry.error, entry.failed_since, entry.rows_at, rows)
                found.setdefault(entry.node, {})[entry.name] = state
            for place in set(self._rows) - known:
                del self._rows[place]
        return found

    def _kept(self, connection: Connection, place: tuple[str, str], mark: object) -> tuple[Kept, ...]:
        before = self._rows.get(place)
        if before is not None and before[0] == mark:
            return before[1]
        name, of = place[1], place[0]
        table = SECTION_TABLES[name]
        query = select(table.c.key, table.c.state, table.c.since, table.c.body)
        rows = connection.execute(query.where(table.c.node == of).order_by(table.c.key))
        kept = tuple(Kept(row.key, row.state, row.since, row.body) for row in rows)
        self._rows[place] = (mark, kept)
        return kept


def _state(
    entry: Row[Any],
    sections: Mapping[str, SectionState],
    noted: Mapping[str, Sequence[Mapping[str, Any]]],
    at: datetime,
    answering: Answering,
) -> NodeState:
    return NodeState(
        id=entry.id,
        row=node_row(entry, at, answering),
        received_at=entry.received_at,
        refused_at=entry.refused_at,
        sections=sections,
        attention=noted.get(entry.id, ()),
        trail_error=entry.audit_error,
    )


def aged(snapshot: Snapshot, at: datetime, answering: Answering) -> Snapshot:
    """Return an older snapshot as it has to be read now: its rows are of then, and its nodes are less fresh."""
    nodes = tuple(
        replace(state, row={**state.row, **of_time(state.id, state.received_at, at, answering)})
        for state in snapshot.nodes
    )
    return replace(snapshot, nodes=nodes)
