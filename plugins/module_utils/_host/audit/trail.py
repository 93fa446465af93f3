# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trail on disk: records appended under a lock, each bound to the one before, and every run closed exactly once.

One write for each record. A last line that a power cut tore is cut away before the next is written. Where the disk is
full, records wait on a tmpfs for the next one that is written. Nothing here raises for want of space or of a lock but
:class:`OSError`, which callers turn into a warning: the trail never fails a run.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import datetime
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
    """Return the time as records say it: RFC 3339 in UTC, with microseconds."""
    moment = datetime.datetime.now(datetime.timezone.utc)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


class RecordedRun:
    """A run under way. ``registered`` says whether it has a file; without one (no space anywhere) it is closed here."""

    def __init__(self, trail: Trail, record: AuditRecord, path: Path | None) -> None:
        self._trail = trail
        self.record = record
        self.path = path
        self._handle: int | None = None

    @property
    def registered(self) -> bool:
        """Say whether a later run could close this one."""
        return self.path is not None

    def started(self) -> None:
        """Append the ``started`` record, unless the trail has it already."""
        self._trail.append_started(self)

    def hosts(self, names: list[str]) -> None:
        """Say on which hosts the run acts."""
        self._tell({"hosts": names})

    def change(self, change: TaskChange) -> None:
        """Say what was changed by now: it is in the record also when the run is killed."""
        self._tell(audit_runs.as_event(change))

    def _tell(self, said: dict[str, Any]) -> None:
        if self.path is not None:
            with contextlib.suppress(OSError):
                if self._handle is None:
                    self._handle = audit_runs.open_to_tell(self.path)
                audit_runs.write(self._handle, said)

    def close(self, status: str, **known: Any) -> bool:
        """Append the last record; returns False where somebody else has closed the run already."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        return self._trail.close(self, status, known)


class Trail:
    """The trail in its places. Several processes may have one at the same time."""

    def __init__(self, places: Places, *, rotate_at: int = _ROTATE_AT) -> None:
        self.places = places
        self.kept_back = False
        """Whether a record had to be kept on the tmpfs: the next one that is written takes it along."""
        self._rotate_at = rotate_at

    # Runs

    def register(self, record: AuditRecord) -> RecordedRun:
        """Return a run that has a file from now on; where one of this id is under way already, this process joins it.

        Nothing is appended yet: see :meth:`RecordedRun.started`. Raises nothing.
        """
        for folder in self.places.runs:
            known = audit_runs.read(folder / f"{record.id}.jsonl")
            if known is not None:
                with contextlib.suppress(OSError):
                    audit_runs.tell(known.path, {"process": audit_runs.this_process()})
                    return RecordedRun(self, known.record, known.path)
        for folder in self.places.runs:
            with contextlib.suppress(OSError):
                return RecordedRun(self, record, audit_runs.create(folder, record))
        return RecordedRun(self, record, None)

    def under_way(self, run_id: str) -> bool:
        """Say whether a run of this id has a file here."""
        return any((folder / f"{run_id}.jsonl").exists() for folder in self.places.runs)

    def knows(self, run_id: str) -> bool:
        """Say whether the trail has a record of this id; reads the trail for it."""
        return bool(self._kinds(run_id))

    def append_started(self, run: RecordedRun) -> None:
        """Append a run's first record once. OSError where it can be kept nowhere."""
        with self._locked() as locked:
            known = audit_runs.read(run.path) if run.path else None
            if known is not None and known.started:
                return
            self._put([run.record], locked=locked)
            run._tell({"started": True})
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
            last = closing(run.record, time=now(), status=status, **known)
            self._put([*([] if STARTED in kinds else [run.record]), last], locked=locked, last=True)
            return True

    def sweep(self) -> int:
        """Close as interrupted every run whose processes are gone; returns how many there were."""
        if not any(_entries(folder) for folder in self.places.runs):
            return 0
        closed = 0
        with self._locked() as locked:
            for run in audit_runs.open_runs(self.places.runs) if locked else ():
                if not run.dead:
                    continue
                numbers = ", ".join(str(process.get("pid")) for process in run.processes)
                words = f"the run ended without saying how (process {numbers} is gone)"
                self._finish(run, INTERRUPTED, {"error": words}, locked=locked)
                closed += 1
        return closed

    def _finish(self, run: OpenRun, status: str, known: dict[str, Any], *, locked: bool) -> None:
        """Append what a run with a file lacks, and remove the file last: a crash in between appends nothing twice."""
        # Only where another one may have been at it is the trail itself looked through.
        doubtful = run.closing or run.dead or not run.started
        kinds = self._kinds(run.record.id) if doubtful else {STARTED}
        with contextlib.suppress(OSError):
            audit_runs.tell(run.path, {"closing": True})
        if "finished" not in kinds:
            said = {**audit_runs.with_changes(run), **known}
            last = closing(run.record, time=now(), status=status, **said)
            self._put([*([] if STARTED in kinds else [run.record]), last], locked=locked, last=True)
        with contextlib.suppress(OSError):
            run.path.unlink()

    def _kinds(self, run_id: str) -> set[str]:
        """Return the kinds of the records of a run that are in the trail or wait for it."""
        waiting = {name.split(".")[1] for name in _entries(self.places.spool) if name.startswith(f"{run_id}.")}
        return waiting | self._written(run_id)

    def _written(self, run_id: str) -> set[str]:
        """Return the kinds of the records of a run that are in the trail."""
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
        """Append one record that stands alone. OSError where it can be kept nowhere."""
        with self._locked() as locked:
            self._put([record], locked=locked, last=True)

    def lines(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield file, line number and line, with its newline if it has one, from the oldest on."""
        for file in self.places.files():
            with contextlib.suppress(FileNotFoundError), open(file, "rb", buffering=1 << 20) as stream:
                for number, line in enumerate(stream, start=1):
                    yield file.name, number, line

    def _put(self, records: list[AuditRecord], *, locked: bool, last: bool = False) -> None:
        """Append records, those that waited first; keep them on the tmpfs where that cannot be. Needs the lock."""
        if not locked:
            for record in records:
                self._keep(record)
            return
        waiting = []
        for path, record in self._waiting():
            if record.kind in self._written(record.id):
                path.unlink(missing_ok=True)  # written by one that was killed before it could say so
            else:
                waiting.append((path, record))
        done = 0
        everything = [*(entry[1] for entry in waiting), *records]
        try:
            self._write(everything, last=last)
        except _PartlyError as error:
            done = error.done
        else:
            done = len(everything)
        for entry in waiting[:done]:
            entry[0].unlink(missing_ok=True)
        for record in records[max(0, done - len(waiting)) :]:
            self._keep(record)

    def _write(self, records: list[AuditRecord], *, last: bool) -> None:
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
                if last:
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
        """Cut away a last line that was torn, and return the hash that the next line follows."""
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
        """Set some space aside, so that the record of how a run ended fits where the disk is full."""
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

    # What waits where the disk is full

    def _keep(self, record: AuditRecord) -> None:
        """Keep a record on the tmpfs, once. OSError where that cannot be either."""
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
        """Return the records that wait and are not in the trail, by their time."""
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
        """Hold the lock of all that write; yields False where that cannot be within a second."""
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
    """So many records were written, and then no more."""

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
    """Return where the last whole line of a file ends, and the last whole lines."""
    length = _CHUNK
    while True:
        start = max(0, size - length)
        data = os.pread(handle, size - start, start)
        end = data.rfind(b"\n") + 1
        # A longer piece where a torn end of enormous length hides the last line, or that line is not whole in it.
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
