"""The list of runs: those of the nodes' trails with what Loki has of them, and those that only Loki has.

A run with a record in the nodes' trails that fits the filters stands where :mod:`hub.trails.find` says, whether Loki
answers or not. **A run that only Loki has stands where it began**, as its id says: that place is the same whichever of
its records an answer contains, so a run is neither shown twice nor lost between two pages. If Loki has more records
than one answer takes, the page ends where the answer ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from hub.trails.controllers import Controllers
from hub.trails.entries import Entry, began_at, entry_of_row
from hub.trails.find import PER_PAGE, Found, find_runs, matching_runs, records_of
from hub.trails.wanted import NOT_OK, Key, Wanted

__all__ = ("Listed", "Run", "list_runs")

# No run takes longer.
_LONGEST_RUN = timedelta(hours=6)
_LOWEST = "0" * 64


@dataclass
class Run:
    """A run of a page: where it stands, the record that it stands for, and all of its records that are known."""

    key: Key
    head: Entry
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Listed:
    """A page, newest first; ``next`` is where the next one begins, ``looked_until`` where the search gave up."""

    runs: Sequence[Run]
    next: Key | None
    looked_until: Key | None = None


def list_runs(
    connection: Connection | None, controllers: Controllers, wanted: Wanted, *, most: int = PER_PAGE
) -> Listed:
    """Return a page. Without a connection it has what Loki has."""
    found = find_runs(connection, wanted, most=most) if connection is not None else Found((), None, None)
    runs = _of_nodes(connection, found)
    end = found.next
    told = controllers.listed(wanted, since=_latest(end.at if end else None, wanted.since), until=_until(wanted))
    if told.complete_from is not None and (end is None or told.complete_from > end.at):
        end = Key(told.complete_from, _LOWEST)
    runs += _only_in_loki(connection, told.entries or (), {run.head.run for run in runs}, wanted)
    inside = sorted((run for run in runs if _inside(run.key, wanted, end)), key=lambda run: run.key, reverse=True)
    if len(inside) > most:
        inside = inside[:most]
        end = inside[-1].key
    _complete(controllers, inside, told.entries or (), wanted)
    return Listed(inside, end, found.looked_until if end == found.looked_until else None)


def _of_nodes(connection: Connection | None, found: Found) -> list[Run]:
    """Return the runs of the nodes' trails with their records from there."""
    if connection is None or not found.heads:
        return []
    by_run: dict[str, list[Entry]] = {}
    for row in records_of(connection, [row.run for row in found.heads if row.run]):
        by_run.setdefault(row.run, []).append(entry_of_row(row))
    runs: dict[str, Run] = {}
    for row in found.heads:
        # Two nodes may have the same record, if one is a copy of the other.
        name = row.run or f"{row.node} {row.hash}"
        if name not in runs:
            head = entry_of_row(row)
            runs[name] = Run(Key(row.at, row.hash), head, by_run.get(row.run, [head]))
    return list(runs.values())


def _only_in_loki(
    connection: Connection | None, entries: Sequence[Entry], shown: set[str], wanted: Wanted
) -> list[Run]:
    """Return the runs that stand nowhere by the records of nodes."""
    by_run: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.run not in shown and _matches(entry, wanted):
            by_run.setdefault(entry.run or entry.hash, []).append(entry)
    elsewhere = matching_runs(connection, wanted, list(by_run)) if connection is not None and by_run else set()
    runs = []
    for run, found in by_run.items():
        if run not in elsewhere:
            newest = max(found, key=lambda entry: (entry.kind != "started", entry.at))
            place = Key(_place(run, found, wanted), hashlib.sha256(run.encode()).hexdigest())
            runs.append(Run(place, newest, found))
    return runs


def _place(run: str, entries: Sequence[Entry], wanted: Wanted) -> datetime:
    """Return where a run of Loki stands: where it began, as its id says.

    If the filters fit no first record, it stands where Loki has its last one. A late record stands where Loki has it.
    """
    began = began_at(run)
    if began is None or _only_ends(wanted) or any(entry.late for entry in entries):
        return min(entry.stamp for entry in entries)
    return began


def _only_ends(wanted: Wanted) -> bool:
    """Say whether the filters fit last records alone: a first one has the status `started` and names no host."""
    return wanted.status is not None or wanted.node is not None


def _matches(entry: Entry, wanted: Wanted) -> bool:
    """Say whether a record is a controller's own and fits the filters; LogQL compared the text of its line."""
    same = all(getattr(wanted, name) in (None, getattr(entry, name)) for name in ("run", "actor", "verb", "target"))
    if wanted.status == NOT_OK:
        same = same and entry.status not in ("ok", "started")
    elif wanted.status is not None:
        same = same and entry.status == wanted.status
    return same and entry.kind in ("started", "finished") and (wanted.node is None or wanted.node in entry.hosts)


def _inside(key: Key, wanted: Wanted, end: Key | None) -> bool:
    """Say whether a place is on this page: after its beginning, before its end, within the times of the filters."""
    if wanted.since is not None and key.at < wanted.since:
        return False
    if wanted.until is not None and key.at >= wanted.until:
        return False
    return (wanted.before is None or key < wanted.before) and (end is None or key >= end)


def _complete(controllers: Controllers, runs: Sequence[Run], known: Sequence[Entry], wanted: Wanted) -> None:
    """Add what Loki has of the runs of this page: the controller's records may lie outside of what was asked for."""
    by_run = {run.head.run: run for run in runs if run.head.run}
    _add(by_run, known)
    cut = wanted.before is not None or wanted.until is not None or _only_ends(wanted)
    open_ = [run for run in by_run.values() if not any(entry.kind == "finished" for entry in run.entries)]
    if cut and open_:
        since = min(run.key.at for run in open_) - _LONGEST_RUN
        until = max(run.key.at for run in open_) + _LONGEST_RUN
        told = controllers.of_runs([run.head.run for run in open_], since=since, until=until)
        _add(by_run, told.entries or ())


def _add(by_run: dict[str, Run], entries: Sequence[Entry]) -> None:
    for entry in entries:
        run = by_run.get(entry.run)
        if run is not None and entry.hash not in {known.hash for known in run.entries}:
            run.entries.append(entry)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _until(wanted: Wanted) -> datetime | None:
    ends = [moment for moment in (wanted.until, wanted.before.at if wanted.before else None) if moment is not None]
    return min(ends, default=None)
