# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trail on disk: records are appended under a lock, each record is chained to the one before, and every run is
closed exactly once.

Each record is one write. If a power cut tore the last line, the torn line is cut away before the next record is
written. If the disk is full, records wait on a tmpfs until the next record is written. If space or the lock is missing,
:class:`OSError` is the only error raised here; callers turn it into a warning, so the trail never fails a run.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..._core.audit.record import (
    GENESIS,
    INTERRUPTED,
    STARTED,
    AuditRecord,
    TaskChange,
    closing,
    content_of,
    from_dict,
    parse_line,
    seal,
)
from ..machine.clock import time_now
from . import runs as audit_runs
from .places import Places, rotated_number
from .runs import OpenRun

__all__ = ("RecordedRun", "Trail", "now")

_ROTATE_AT = 32 * 1024 * 1024
_RESERVE = 64 * 1024
_LOCK_SECONDS = 1.0
_CHUNK = 256 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)


def now() -> str:
    """Return the current time as records have it: RFC 3339 in UTC, with microseconds."""
    return time_now().isoformat(timespec="microseconds").replace("+00:00", "Z")


class RecordedRun:
    """A run under way, as the process that runs it has it.

    ``registered`` says whether the run has a file. If there is no space for one, only this process can close the run.
    """

    def __init__(self, trail: Trail, record: AuditRecord, path: Path | None) -> None:
        self._trail = trail
        self.record = record
        self.path = path
        self._handle: int | None = None

    @property
    def registered(self) -> bool:
        """Say whether a later run could close this run if it is killed."""
        return self.path is not None

    def started(self) -> None:
        """Append the ``started`` record, unless the trail has the record already."""
        self._trail.append_started(self)

    def hosts(self, names: list[str]) -> None:
        """Note the hosts that the run acts on."""
        self._note({"hosts": names})

    def change(self, change: TaskChange) -> None:
        """Note a change, so that it is in the record even if the run is killed."""
        self._note(audit_runs.as_event(change))

    def _note(self, event: dict[str, Any]) -> None:
        if self.path is not None:
            with contextlib.suppress(OSError):
                if self._handle is None:
                    self._handle = audit_runs.open_for_events(self.path)
                audit_runs.write(self._handle, event)

    def close(self, status: str, **known: Any) -> bool:
        """Append the last record; returns False if another process has closed the run already."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        return self._trail.close(self, status, known)


class Trail:
    """The trail of one machine and user. Several processes may use the same trail at the same time."""

    def __init__(self, places: Places, *, rotate_at: int = _ROTATE_AT) -> None:
        self.places = places
        self.kept_back = False
        """Whether a record had to wait on the tmpfs. The next record that is written takes it along."""
        self._rotate_at = rotate_at

    # Runs

    def register(self, record: AuditRecord) -> RecordedRun:
        """Create the file of a run. If a run of this id is under way already, this process joins that run.

        Appends nothing to the trail yet: see :meth:`RecordedRun.started`. Raises nothing.
        """
        for folder in self.places.runs:
            known = audit_runs.read(folder / f"{record.id}.jsonl")
            if known is not None:
                with contextlib.suppress(OSError):
                    audit_runs.add_event(known.path, {"process": audit_runs.this_process()})
                    return RecordedRun(self, known.record, known.path)
        for folder in self.places.runs:
            with contextlib.suppress(OSError):
                return RecordedRun(self, record, audit_runs.create(folder, record))
        return RecordedRun(self, record, None)

    def under_way(self, run_id: str) -> bool:
        """Say whether a run of this id has a file, so that it is still open."""
        return any((folder / f"{run_id}.jsonl").exists() for folder in self.places.runs)

    def knows(self, run_id: str) -> bool:
        """Say whether the trail has a record of this id. Reads the whole trail."""
        return bool(self._kinds(run_id))

    def append_started(self, run: RecordedRun) -> None:
        """Append a run's first record, once. OSError if neither the disk nor the tmpfs has room."""
        with self._locked() as locked:
            known = audit_runs.read(run.path) if run.path else None
            if known is not None and known.started:
                return
            self._put([run.record], locked=locked)
            run._note({"started": True})
            if locked:
                self._make_reserve()

    def close(self, run: RecordedRun, status: str, known: dict[str, Any]) -> bool:
        """Append a run's last record, unless it has one: see :meth:`RecordedRun.close`."""
        with self._locked() as locked:
            if run.path is not None:
                found = audit_runs.read(run.path)
                if found is None:
                    return False  # closed by somebody else
                self._finish(found, status, known, locked=locked)
                return True
            kinds = self._kinds(run.record.id)
            if "finished" in kinds:
                return False
            self._put_end(run.record, kinds, status, known, locked=locked)
            return True

    def sweep(self) -> int:
        """Close every run whose processes are gone, as interrupted; returns the number of these runs."""
        if not any(_entries(folder) for folder in self.places.runs):
            return 0
        closed = 0
        with self._locked() as locked:
            if not locked:
                return 0
            for run in audit_runs.open_runs(self.places.runs):
                if not run.dead:
                    continue
                numbers = ", ".join(str(process.get("pid")) for process in run.processes)
                error = f"the run ended without saying how (process {numbers} is gone)"
                self._finish(run, INTERRUPTED, {"error": error}, locked=locked)
                closed += 1
        return closed

    def _finish(self, run: OpenRun, status: str, known: dict[str, Any], *, locked: bool) -> None:
        """Append the records that a run lacks, then delete its file. A crash in between appends nothing twice."""
        # Reading the trail is slow. It is needed only if another process may have written a record of this run.
        doubtful = run.closing or run.dead or not run.started
        kinds = self._kinds(run.record.id) if doubtful else {STARTED}
        with contextlib.suppress(OSError):
            audit_runs.add_event(run.path, {"closing": True})
        if "finished" not in kinds:
            self._put_end(run.record, kinds, status, {**audit_runs.progress(run), **known}, locked=locked)
        with contextlib.suppress(OSError):
            run.path.unlink()

    def _put_end(
        self, record: AuditRecord, kinds: set[str], status: str, known: dict[str, Any], *, locked: bool
    ) -> None:
        """Append a run's last record, and its first record before that if the trail lacks it."""
        records = [] if STARTED in kinds else [record]
        records.append(closing(record, time=now(), status=status, **known))
        self._put(records, locked=locked, durable=True)

    def _kinds(self, run_id: str) -> set[str]:
        """Return the kinds of a run's records that are in the trail or wait on the tmpfs."""
        waiting = {name.split(".")[1] for name in _entries(self.places.spool) if name.startswith(f"{run_id}.")}
        return waiting | self._written(run_id)

    def _written(self, run_id: str) -> set[str]:
        """Return the kinds of a run's records that are in the trail."""
        kinds: set[str] = set()
        wanted = f'"id":"{run_id}"'.encode()
        for file in reversed(self.places.files()):
            data = file.read_bytes()
            for line in data.splitlines() if wanted in data else ():
                if wanted in line:
                    with contextlib.suppress(ValueError):
                        kinds.add(parse_line(line).kind)
            if STARTED in kinds:
                break
        return kinds

    # Records

    def append(self, record: AuditRecord) -> None:
        """Append a record that is no part of an open run. OSError if neither the disk nor the tmpfs has room."""
        with self._locked() as locked:
            self._put([record], locked=locked, durable=True)

    def lines(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield file name, line number and line, from the oldest on. A line has its newline, unless it is torn."""
        for file in self.places.files():
            with contextlib.suppress(FileNotFoundError), open(file, "rb", buffering=1 << 20) as stream:
                for number, line in enumerate(stream, start=1):
                    yield file.name, number, line

    def _put(self, records: list[AuditRecord], *, locked: bool, durable: bool = False) -> None:
        """Append the records that wait on the tmpfs, then these. What cannot be written waits on the tmpfs.

        ``durable`` means fsync. The caller holds the lock if ``locked``; without the lock all records wait.
        """
        if not locked:
            for record in records:
                self._keep(record)
            return
        waiting = []
        for path, record in self._waiting():
            if record.kind in self._written(record.id):
                path.unlink(missing_ok=True)  # the process that wrote this record was killed before this line
            else:
                waiting.append((path, record))
        done = 0
        everything = [record for _, record in waiting] + records
        try:
            self._write(everything, durable=durable)
        except _PartlyError as error:
            done = error.done
        else:
            done = len(everything)
        for path, _ in waiting[:done]:
            path.unlink(missing_ok=True)
        for record in records[max(0, done - len(waiting)) :]:
            self._keep(record)

    def _write(self, records: list[AuditRecord], *, durable: bool) -> None:
        done = 0
        try:
            self.places.make()
            handle = self._open()
            try:
                previous = self._mend(handle)
                for record in records:
                    line = (seal(record, previous) + "\n").encode("ascii")
                    self._write_line(handle, line)
                    previous = content_of(line[:-1])[1]
                    done += 1
                if durable:
                    os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise _PartlyError(done) from error

    def _open(self) -> int:
        handle = os.open(self.places.log, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(handle).st_size < self._rotate_at:
            return handle
        os.fsync(handle)
        os.close(handle)
        numbers = [rotated_number(file.name) for file in self.places.files()]
        os.rename(self.places.log, self.places.folder / f"audit.jsonl.{max(numbers) + 1}")
        return os.open(self.places.log, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _write_line(self, handle: int, line: bytes) -> None:
        before = os.fstat(handle).st_size
        try:
            if os.write(handle, line) == len(line):
                return
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            os.ftruncate(handle, before)
            if error.errno not in _FULL or not self.places.reserve.exists():
                raise
            self.places.reserve.unlink(missing_ok=True)
        if os.write(handle, line) != len(line):
            os.ftruncate(handle, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _mend(self, handle: int) -> str:
        """Cut away a torn last line, and return the hash of the last record: the next record names it."""
        size = os.fstat(handle).st_size
        whole, tail = _tail(handle, size)
        if whole < size:
            os.ftruncate(handle, whole)
        found = _last_hash(tail)
        if found is None:
            for file in reversed([file for file in self.places.files() if file != self.places.log]):
                with open(file, "rb") as stream:
                    found = _last_hash(_tail(stream.fileno(), os.fstat(stream.fileno()).st_size)[1])
                if found is not None:
                    break
        return found or GENESIS

    def _make_reserve(self) -> None:
        """Reserve some space, so that the last record of a run fits if the disk is full by then."""
        with contextlib.suppress(OSError):
            if self.places.reserve.exists():
                return
            handle = os.open(self.places.reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, _RESERVE)
            except OSError:
                self.places.reserve.unlink()
            finally:
                os.close(handle)

    # Records that wait while the disk is full

    def _keep(self, record: AuditRecord) -> None:
        """Keep a record on the tmpfs, once. OSError if the tmpfs has no room either."""
        self.kept_back = True
        spool = self.places.spool
        spool.mkdir(mode=0o700, exist_ok=True)
        if spool.is_symlink() or spool.stat().st_uid != os.getuid():
            raise PermissionError(f"{spool} belongs to somebody else")
        name = record.kind if record.kind != "change" else f"change-{time.time_ns()}-{os.getpid()}"
        try:
            handle = os.open(spool / f"{record.id}.{name}.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            json.dump(record.as_dict(), stream)

    def _waiting(self) -> list[tuple[Path, AuditRecord]]:
        """Return the records that wait on the tmpfs, the oldest first, each with its file."""
        found: list[tuple[Path, AuditRecord]] = []
        for name in _entries(self.places.spool):
            path = self.places.spool / name
            if not name.endswith(".json"):
                continue
            with contextlib.suppress(OSError, ValueError):
                if path.stat().st_uid == os.getuid():
                    found.append((path, replace(from_dict(json.loads(path.read_bytes())), prev_hash="", hash="")))
        return sorted(found, key=lambda entry: entry[1].time)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[bool]:
        """Hold the lock for writing; yields False if the lock is not free within a second."""
        handle = None
        try:
            with contextlib.suppress(OSError):
                self.places.make()
                handle = os.open(self.places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            yield handle is not None and _lock(handle)
        finally:
            if handle is not None:
                os.close(handle)


class _PartlyError(Exception):
    """Only the first ``done`` records could be written."""

    def __init__(self, done: int) -> None:
        super().__init__(done)
        self.done = done


def _entries(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _lock(handle: int) -> bool:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        except OSError:
            return False


def _tail(handle: int, size: int) -> tuple[int, bytes]:
    """Return the offset where the last whole line of a file ends, and the last whole lines."""
    length = _CHUNK
    while True:
        start = max(0, size - length)
        data = os.pread(handle, size - start, start)
        end = data.rfind(b"\n") + 1
        # The piece must hold at least one whole line. If it does not, a very long line fills it: read a longer piece.
        if start == 0 or data.count(b"\n", 0, end) > 1:
            first = 0 if start == 0 else data.find(b"\n") + 1
            return start + end, data[first:end]
        length *= 4


def _last_hash(lines: bytes) -> str | None:
    for line in reversed(lines.splitlines()):
        with contextlib.suppress(ValueError):
            claimed, computed = content_of(line)[1:]
            if claimed == computed:
                return claimed
    return None
