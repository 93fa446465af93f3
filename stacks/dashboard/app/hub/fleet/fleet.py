"""The fleet as the pages see it: one look at the database, the rows of each page, and what needs attention."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hub.answering import Answering
from hub.fleet import certificates, containers, domains
from hub.fleet.attention import Item, attention_of, of_certificates, of_containers, of_sites
from hub.fleet.derived import Derived
from hub.fleet.machines import machine_rows
from hub.fleet.snapshot import FleetRows, NodeState, Snapshot, aged
from hub.moments import Clock
from hub.sources import Source

__all__ = ("Fleet", "FleetView")

_OLD = ("silent", "never")
_RECENT_SECONDS = 5.0
# So many answers to questions are kept in memory while nothing changes.
_MOST_KEPT = 50


@dataclass(frozen=True)
class FleetView:
    """A snapshot with the rows of the nodes and of the pages ``containers``, ``domains`` and ``certificates``.

    ``items`` need attention. ``source`` says whether the database answers.
    A row of a node that is silent has ``is_old``: what was well then is not known to be well now.
    """

    snapshot: Snapshot
    machines: Sequence[dict[str, Any]]
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    items: Sequence[Item]
    source: dict[str, Any]
    # What was made of these rows.
    kept: dict[str, Any] = field(default_factory=dict, compare=False)

    def remembered(self, key: str, make: Callable[[], Any]) -> Any:
        """Return what is made of these rows alone: the same question on the same rows is answered from memory."""
        found = self.kept.get(key)
        if found is None:
            found = make()
            if len(self.kept) >= _MOST_KEPT:
                self.kept.clear()
            self.kept[key] = found
        return found

    @property
    def states(self) -> dict[str, NodeState]:
        """Return the nodes by their names."""
        return {state.id: state for state in self.snapshot.nodes}


def _derived() -> dict[str, Derived]:
    return {
        "containers": Derived(containers.container_rows, ("containers", "domains"), of_containers),
        "domains": Derived(domains.site_rows, ("domains", "served", "certificates"), of_sites),
        "certificates": Derived(certificates.certificate_rows, ("certificates", "served", "domains"), of_certificates),
    }


@dataclass
class Fleet:
    """The rows of the fleet in memory. One of it lives as long as the hub.

    If the database fails, the pages show what was read last, as old as it is by then, and since when nothing is read.
    """

    engine: Engine
    clock: Clock
    answering: Answering
    ask_more: Callable[[Connection, datetime], Sequence[Item]] | None = None
    _derived: Mapping[str, Derived] = field(default_factory=_derived)
    _last: Snapshot | None = None
    _source: Source = field(default_factory=lambda: Source("PostgreSQL"))
    _recent: tuple[float, FleetView] | None = None
    _first_seen: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with nothing in memory."""
        self._kept = FleetRows(self.ask_more)

    def view(self) -> FleetView:
        """Return the fleet as it is now."""
        at = self.clock()
        try:
            snapshot = self._kept.read(self.engine, at=at, answering=self.answering)
        except (DBAPIError, PoolTimeoutError):
            self._source.failed(at)
            snapshot = aged(self._last or Snapshot(at, ()), at, self.answering)
        else:
            self._last = snapshot
            self._source.answered(at)
        found = self._view(snapshot)
        self._recent = (time.monotonic(), found)
        return found

    def recent(self) -> FleetView:
        """Return a view of the last seconds, for what each page shows beside its own rows."""
        recent = self._recent
        if recent is not None and time.monotonic() - recent[0] < _RECENT_SECONDS:
            return recent[1]
        return self.view()

    def _view(self, snapshot: Snapshot) -> FleetView:
        recent = self._recent[1] if self._recent is not None else None
        if recent is not None and _is_same(recent.snapshot, snapshot):
            return replace(recent, snapshot=snapshot, source=self._source.entry())
        old = {state.id for state in snapshot.nodes if state.freshness in _OLD}
        machines = machine_rows(snapshot)
        made = {name: entry.of(snapshot, old) for name, entry in self._derived.items()}
        rows = {name: found for name, (found, _items) in made.items()}
        source = self._source.entry()
        found = attention_of(snapshot, machines, [item for _found, items in made.values() for item in items])
        # Of an item that is gone nothing is kept: if it comes back, it is new.
        seen = {(item.kind, item.what): snapshot.at for item in found}
        self._first_seen = {**seen, **{key: at for key, at in self._first_seen.items() if key in seen}}
        items = [replace(item, since=item.since or self._first_seen[item.kind, item.what]) for item in found]
        return FleetView(snapshot, machines, rows, items, source)


def _is_same(one: Snapshot, other: Snapshot) -> bool:
    """Say whether two snapshots are made of the same rows, with nodes that are as fresh as they were."""
    return (
        one.more is other.more
        and len(one.nodes) == len(other.nodes)
        and all(
            was.sections is now.sections
            and was.freshness == now.freshness
            and was.row["sites_answer"] == now.row["sites_answer"]
            for was, now in zip(one.nodes, other.nodes, strict=True)
        )
    )
