# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of the trail: one row for each run, in SQLite. It is made from the trail, and made anew if it is in doubt.

The index knows how far it has read the trail, so catching up reads only the new records. The trail is the truth. Only
one thing is in the index alone: the heads that it has seen. They reveal that the end of a trail was cut off.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._core.audit.query import (
    CHANGED,
    DOUBTFUL,
    READ_VERBS,
    UNCHANGED,
    WOULD_CHANGE,
    Query,
    clocks_apart,
)
from ..._core.audit.record import GENESIS, STARTED, AuditRecord, content_of, parse_line
from ..._core.errors import EXIT_OK, STATUS
from .places import Places, rotated_number
from .trail import now

__all__ = ("Index", "Row")

_VERSION = "2"
_BUSY_SECONDS = 0.5
_BATCH = 5000
_LOST = 10
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, time TEXT NOT NULL, verb TEXT NOT NULL, target TEXT, status TEXT NOT NULL,
    check_mode INTEGER NOT NULL, changed INTEGER NOT NULL, actor TEXT NOT NULL, hosts TEXT NOT NULL,
    duration REAL, error TEXT, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_time ON runs (time);
CREATE INDEX IF NOT EXISTS runs_seq ON runs (seq);
CREATE TABLE IF NOT EXISTS sites (id TEXT NOT NULL, domain TEXT NOT NULL, PRIMARY KEY (id, domain)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sites_domain ON sites (domain);
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL, file TEXT NOT NULL, offset INTEGER NOT NULL,
    length INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS records_id ON records (id);
"""
_COLUMNS = "id, time, verb, target, status, check_mode, changed, actor, hosts, duration, error, seq"
_UPSERT = f"""
INSERT INTO runs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, changed = max(changed, excluded.changed),
    hosts = excluded.hosts, duration = excluded.duration, error = coalesce(excluded.error, error)
WHERE excluded.status != '{STARTED}'
"""  # noqa: S608 (constants)


@dataclass(frozen=True)
class Row:
    """A run as a list shows it. ``time`` is its start; ``status`` is ``started`` while the run is under way.

    ``sites`` are the sites that the run changed. ``apart`` says that ``time`` cannot be right: a clock was wrong.
    """

    id: str
    time: str
    verb: str
    target: str | None
    status: str
    check: bool
    changed: bool
    actor: str
    hosts: tuple[str, ...]
    duration: float | None
    error: str | None
    sites: tuple[str, ...] = ()
    apart: bool = False


class Index:
    """The index of one trail. A damaged index is made anew."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def catch_up(self) -> bool:
        """Read the new records of the trail; returns whether the index is up to date now. Raises nothing."""
        for attempt in (1, 2):
            try:
                with self._open() as base:
                    self._read_on(base)
                return True
            except sqlite3.Error as error:
                if _is_locked(error) or attempt == 2:
                    return False
            except OSError:
                return False
            # The file is no database, or a damaged one.
            with contextlib.suppress(OSError):
                self._remove()
        return False

    def rebuild(self) -> int:
        """Make the index anew and return the number of runs. OSError or sqlite3.Error if that fails."""
        self._remove()
        with self._open() as base:
            self._read_on(base)
            return int(base.execute("SELECT count(*) FROM runs").fetchone()[0])

    def runs(self, query: Query | None = None) -> list[Row]:
        """Return the runs that a query wants, all without one, in the order in which they began to write the trail.

        The order is not that of the times: the clock may have been wrong. sqlite3.Error if the index cannot be read.
        """
        query = query or Query()
        with self._open() as base:
            conditions = _conditions(query)
            if query.since:
                conditions.append(_since(base, query.since, now()))
            text, values = f"SELECT {_COLUMNS} FROM runs", []  # noqa: S608  constants
            if conditions:
                text += " WHERE " + " AND ".join(condition for condition, _values in conditions)
            for _condition, some in conditions:
                values += some
            text += " ORDER BY seq DESC"
            if query.last:
                text += " LIMIT ?"
                values.append(query.last)
            found = list(reversed(base.execute(text, values).fetchall()))
            sites = [_sites(base, entry[0]) for entry in found]
        apart = clocks_apart([(entry[0], entry[1]) for entry in found], now=now())
        return [_row(entry, names, wrong) for entry, names, wrong in zip(found, sites, apart, strict=True)]

    def records(self, start: str) -> list[AuditRecord]:
        """Return the records of the runs whose id begins with ``start``, in the trail's order.

        sqlite3.Error if the index cannot be read, ValueError if it does not match the trail.
        """
        query = "SELECT file, offset, length FROM records WHERE id >= ? AND id < ? ORDER BY seq"
        with self._open() as base:
            places = base.execute(query, (start, start + "g")).fetchall()
        files = {str(rotated_number(file.name)): file for file in self._places.files()}
        found = []
        for name, offset, length in places:
            if name not in files:
                raise ValueError("a file of the trail is gone")
            with open(files[name], "rb") as stream:
                stream.seek(offset)
                found.append(parse_line(stream.read(length)))
        if not all(record.id.startswith(start) for record in found):
            raise ValueError("the index is of another trail")
        return found

    def heads(self) -> list[str]:
        """Return hashes that the index once saw as the last one of the trail."""
        with contextlib.suppress(sqlite3.Error, OSError), self._open() as base:
            known = _meta(base)
            return [*known.get("lost", "").split(), *([known["head"]] if known.get("head") else [])]
        return []

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        path = self._places.database
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        base = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = NORMAL")
            known = _version(base)
            if known != _VERSION:
                if known is not None:
                    _forget_runs(base)
                base.executescript(f"BEGIN IMMEDIATE; {_TABLES}; COMMIT")
                base.execute("INSERT OR REPLACE INTO meta VALUES ('version', ?)", [_VERSION])
            yield base
        finally:
            base.close()

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self._places.database}{suffix}")

    def _read_on(self, base: sqlite3.Connection) -> None:
        """Index every whole line after the last indexed one."""
        base.execute("BEGIN IMMEDIATE")
        try:
            known = _meta(base)
            start = self._where(known)
            if start is None:
                for table in ("runs", "records", "sites"):
                    base.execute(f"DELETE FROM {table}")  # noqa: S608 (constants)
                base.execute("DELETE FROM meta WHERE key IN ('file', 'offset', 'head')")
                # `vsa audit verify` needs this head: nothing else reveals that the end of a trail was cut off.
                lost = [*known.get("lost", "").split(), known.get("head", GENESIS)]
                known, start = {"lost": " ".join(lost[-_LOST:])}, (0, 0)
            head = known.get("head", GENESIS)
            files = self._places.files()
            if files and known.get("file") == "0" and (number := rotated_number(files[start[0]].name)):
                # The file that was current then has been rotated since.
                base.execute("UPDATE records SET file = ? WHERE file = '0'", [str(number)])
            for position, file in enumerate(files):
                if position >= start[0]:
                    offset = start[1] if position == start[0] else 0
                    offset, head = _take_in(base, file, offset, head)
                    known |= {"file": str(rotated_number(file.name)), "offset": str(offset), "head": head}
            base.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(known.items()))
            base.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                base.execute("ROLLBACK")
            raise

    def _where(self, known: Mapping[str, str]) -> tuple[int, int] | None:
        """Return where to go on reading: the file's position in the list, and the offset.

        None if the index does not match the trail.
        """
        files = self._places.files()
        if "offset" not in known:
            return 0, 0
        offset = int(known["offset"])
        if not files:
            return None
        numbers = [rotated_number(file.name) for file in files]
        # The file that was current then may have been rotated since, once or several times.
        for place in reversed(range(len(files))):
            if known["file"] not in ("0", str(numbers[place])):
                continue
            if offset == 0 and known["head"] == GENESIS:
                return 0, 0
            if _ends_with(files[place], offset, known["head"]):
                return place, offset
        return None


def _take_in(base: sqlite3.Connection, file: Path, offset: int, head: str) -> tuple[int, str]:
    """Index the lines of a file from an offset on; returns the offset and the hash after the last whole line."""
    batch = _Batch(base)
    number = str(rotated_number(file.name))
    with open(file, "rb", buffering=1 << 20) as stream:
        stream.seek(offset)
        for line in stream:
            if line[-1:] != b"\n":
                break  # the line is being written, or torn
            with contextlib.suppress(ValueError):
                record = parse_line(line)
                head = content_of(line[:-1])[1]
                batch.add(record, file=number, offset=offset, length=len(line))
            offset += len(line)
    batch.write()
    return offset, head


class _Batch:
    """Rows that are written together."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base
        self._seq = int(base.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()[0])
        self._runs: list[tuple[Any, ...]] = []
        self._records: list[tuple[Any, ...]] = []
        self._sites: list[tuple[str, str]] = []

    def add(self, record: AuditRecord, *, file: str, offset: int, length: int) -> None:
        """Add the rows of a record that lies at an offset of a file."""
        self._seq += 1
        self._records.append((self._seq, record.id, record.kind, file, offset, length))
        self._runs.append((*_values(record), self._seq))
        self._sites += [(record.id, domain) for domain in record.sites]
        if len(self._runs) >= _BATCH:
            self.write()

    def write(self) -> None:
        """Write the rows. A run keeps the number of its first record: the order in which runs began."""
        insert = "INSERT INTO records (seq, id, kind, file, offset, length) VALUES (?, ?, ?, ?, ?, ?)"
        self._base.executemany(insert, self._records)
        self._base.executemany(_UPSERT, self._runs)
        self._base.executemany("INSERT OR IGNORE INTO sites VALUES (?, ?)", self._sites)
        self._runs, self._records, self._sites = [], [], []


_Condition = tuple[str, list[Any]]


def _conditions(query: Query) -> list[_Condition]:
    """Return the conditions of a query in SQL, but that of ``since``."""
    conditions: list[_Condition] = []
    if query.host:
        conditions.append(_one_of([query.host]))
    if query.hosts is not None:
        conditions.append(_one_of(query.hosts))
    if query.target:
        target = "(target = ? OR id IN (SELECT id FROM sites WHERE domain = ?))"
        conditions.append((target, [query.target, query.target]))
    if query.verb:
        verb = query.verb
        conditions.append(("(verb = ? OR substr(verb, 1, ?) = ?)", [verb, len(verb) + 1, f"{verb}."]))
    if query.status:
        conditions.append((f"({' OR '.join(map(_state, query.status))})", []))
    if query.changes:
        doubtful, reads = _words(DOUBTFUL), _words(READ_VERBS)
        changes = f"check_mode = 0 AND verb NOT IN ({reads}) AND (changed OR status IN ({doubtful}))"
        conditions.append((changes, []))
    return conditions


def _one_of(hosts: Sequence[str]) -> _Condition:
    """Return the condition that a run acted on one of these hosts."""
    if not hosts:
        return "0", []
    return f"({' OR '.join(['instr(hosts, ?) > 0'] * len(hosts))})", [json.dumps(host) for host in hosts]


def _words(words: Sequence[str]) -> str:
    """Return constants of the code as a list in SQL."""
    return ", ".join(f"'{word}'" for word in words)


def _state(word: str) -> str:
    """Return the condition for one of the words of ``--status``."""
    if word not in (CHANGED, UNCHANGED, WOULD_CHANGE):
        return f"status = '{word}'" if word in (STARTED, *STATUS.values()) else "0"
    changed = {CHANGED: "changed AND NOT check_mode", UNCHANGED: "NOT changed", WOULD_CHANGE: "changed AND check_mode"}
    return f"(status = '{STATUS[EXIT_OK]}' AND {changed[word]})"


def _since(base: sqlite3.Connection, since: str, current: str) -> _Condition:
    """Return the condition that a run began at ``since`` or later, which a wrong clock must not hide.

    A run is wanted if its time says so, and also if it stands in the trail after the last run of before.
    """
    first = base.execute("SELECT min(seq) FROM runs WHERE time >= ? AND time <= ?", [since, current]).fetchone()[0]
    limit = "" if first is None else f" AND seq < {int(first)}"
    query = f"SELECT seq FROM runs WHERE time < ?{limit} ORDER BY time DESC LIMIT 1"  # noqa: S608  a number
    before = base.execute(query, [since]).fetchone()
    return "((time >= ? AND time <= ?) OR seq > ?)", [since, current, before[0] if before else 0]


def _sites(base: sqlite3.Connection, run_id: str) -> tuple[str, ...]:
    query = "SELECT domain FROM sites WHERE id = ? ORDER BY domain"
    return tuple(domain for (domain,) in base.execute(query, [run_id]).fetchall())


def _values(record: AuditRecord) -> tuple[Any, ...]:
    actor = record.actor.sudo_user or record.actor.user
    return (
        record.id,
        record.time,
        record.verb,
        record.target,
        record.status,
        record.check,
        record.changed,
        f"{actor}@{record.controller.name}",
        json.dumps(record.hosts),
        record.duration,
        record.error,
    )


def _row(entry: Sequence[Any], sites: tuple[str, ...], apart: bool) -> Row:
    run_id, time, verb, target, status, check, changed, actor, hosts, duration, error, _seq = entry
    return Row(
        id=run_id,
        time=time,
        verb=verb,
        target=target,
        status=status,
        check=bool(check),
        changed=bool(changed),
        actor=actor,
        hosts=tuple(json.loads(hosts)),
        duration=duration,
        error=error,
        sites=sites,
        apart=apart,
    )


def _ends_with(file: Path, offset: int, head: str) -> bool:
    """Say whether a line with the hash ``head`` ends at an offset of a file."""
    wanted = f'"hash":"{head}"}}\n'.encode()
    try:
        with open(file, "rb") as stream:
            stream.seek(max(0, offset - len(wanted)))
            return stream.read(len(wanted)) == wanted
    except OSError:
        return False


def _version(base: sqlite3.Connection) -> str | None:
    try:
        return _meta(base).get("version")
    except sqlite3.OperationalError as error:
        if _is_locked(error):
            raise
        return None


def _forget_runs(base: sqlite3.Connection) -> None:
    """Remove the tables of an earlier version. The heads that it has seen stay: only the index has these."""
    known = _meta(base)
    lost = [*known.get("lost", "").split(), known.get("head", GENESIS)]
    base.execute("BEGIN IMMEDIATE")
    for table in ("runs", "records", "sites"):
        base.execute(f"DROP TABLE IF EXISTS {table}")
    base.execute("DELETE FROM meta WHERE key IN ('file', 'offset', 'head')")
    base.execute("INSERT OR REPLACE INTO meta VALUES ('lost', ?)", [" ".join(lost[-_LOST:])])
    base.execute("COMMIT")


def _meta(base: sqlite3.Connection) -> dict[str, str]:
    return dict(base.execute("SELECT key, value FROM meta").fetchall())


def _is_locked(error: sqlite3.Error) -> bool:
    return isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error))
