# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trail: every run has its records in it, and every run is closed exactly once.

``log`` has the files of the trail, ``runs`` the files of the runs under way, ``spool`` the records that wait while the
disk is full. :class:`OSError` is the only error raised here, if neither disk nor tmpfs has room; callers turn it into a
warning, so the trail never fails a run.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._core.audit.record import INTERRUPTED, STARTED, AuditRecord, TaskChange, closing
from ..machine.clock import time_now
from . import runs as audit_runs
from . import spool
from .log import ROTATE_AT, TrailLog
from .places import Places
from .runs import OpenRun

if TYPE_CHECKING:
    from ..._core.audit.generations import GenerationChange

__all__ = ("RecordedRun", "Trail", "now")


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

    def change(self, change: TaskChange | GenerationChange) -> None:
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

    def __init__(self, places: Places, *, rotate_at: int = ROTATE_AT) -> None:
        self.places = places
        self.kept_back = False
        """Whether a record had to wait on the tmpfs. The next record that is written takes it along."""
        self._log = TrailLog(places, rotate_at=rotate_at)

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
        with self._log.locked() as locked:
            known = audit_runs.read(run.path) if run.path else None
            if known is not None and known.started:
                return
            self._put([run.record], locked=locked)
            run._note({"started": True})
            if locked:
                self._log.reserve_space()

    def close(self, run: RecordedRun, status: str, known: dict[str, Any]) -> bool:
        """Append a run's last record, unless it has one: see :meth:`RecordedRun.close`."""
        with self._log.locked() as locked:
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
        if not any(_has_files(folder) for folder in self.places.runs):
            return 0  # without taking the lock: most runs find nothing to close
        closed = 0
        with self._log.locked() as locked:
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
        return spool.waiting_kinds(self.places.spool, run_id) | self._log.kinds(run_id)

    # Records

    def append(self, record: AuditRecord) -> None:
        """Append a record that is no part of an open run. OSError if neither the disk nor the tmpfs has room."""
        with self._log.locked() as locked:
            self._put([record], locked=locked, durable=True)

    def lines(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield file name, line number and line, from the oldest on. A line has its newline, unless it is torn."""
        return self._log.lines()

    def _put(self, records: list[AuditRecord], *, locked: bool, durable: bool = False) -> None:
        """Append the records that wait on the tmpfs, then these. What cannot be written waits on the tmpfs.

        ``durable`` means fsync. The caller holds the lock if ``locked``; without the lock all records wait.
        """
        if not locked:
            self._keep(records)
            return
        waiting = []
        for path, record in spool.waiting(self.places.spool):
            if record.kind in self._log.kinds(record.id):
                path.unlink(missing_ok=True)  # the process that wrote this record was killed before this line
            else:
                waiting.append((path, record))
        earlier = [record for _path, record in waiting]
        done = self._log.append(earlier + records, durable=durable)
        for path, _record in waiting[:done]:
            path.unlink(missing_ok=True)
        self._keep(records[max(0, done - len(earlier)) :])

    def _keep(self, records: list[AuditRecord]) -> None:
        for record in records:
            self.kept_back = True
            spool.keep(self.places.spool, record)


def _has_files(folder: Path) -> bool:
    try:
        return bool(os.listdir(folder))
    except OSError:
        return False
