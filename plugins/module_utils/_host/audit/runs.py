# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the runs under way. From its file a run can be closed by another process if the run was killed.

A file has lines of JSON: the record that opens the run, the processes of the run, and what they have done so far. The
file exists from before the run's first record until after its last record, so exactly one process closes the run.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._core.audit.record import AuditRecord, TaskChange, from_dict, generations_of
from ..machine.clock import boot_id

if TYPE_CHECKING:
    from ..._core.audit.generations import GenerationChange

__all__ = (
    "OpenRun",
    "add_event",
    "as_event",
    "create",
    "open_for_events",
    "open_runs",
    "progress",
    "read",
    "this_process",
    "write",
)

# A run whose processes cannot be seen from here counts as dead after this time.
_UNSEEN_SECONDS = 86_400.0
# A file without its first lines that is older than this was cut off while it was created.
_UNWRITTEN_SECONDS = 60.0
_KEYS = ("record", "process", "started", "closing", "hosts", "change", "generation")


@dataclass(frozen=True)
class OpenRun:
    """What the file of a run says."""

    path: Path
    record: AuditRecord
    processes: tuple[dict[str, Any], ...]
    started: bool
    closing: bool
    hosts: tuple[str, ...]
    changes: tuple[TaskChange, ...]
    generations: tuple[GenerationChange, ...] = ()

    @property
    def dead(self) -> bool:
        """Say whether none of the run's processes is alive."""
        return not any(_alive(process, self.path) for process in self.processes)


def this_process() -> dict[str, Any]:
    """Return what identifies this process, even if a later process gets the same number."""
    pid = os.getpid()
    return {"pid": pid, "start": _start_of(pid), "boot": boot_id(), "space": _space(), "machine": socket.gethostname()}


def create(folder: Path, record: AuditRecord) -> Path:
    """Create the file of a run, with this process as its first process.

    FileExistsError if the run has a file already; OSError if the file cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise PermissionError(f"{folder} belongs to somebody else")
    path = folder / f"{record.id}.jsonl"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            write(handle, {"record": record.as_dict()}, {"process": this_process()})
        finally:
            os.close(handle)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path


def add_event(path: Path, event: dict[str, Any]) -> None:
    """Add one line to the file of a run; OSError if the run is closed already or the disk is full."""
    handle = open_for_events(path)
    try:
        write(handle, event)
    finally:
        os.close(handle)


def open_for_events(path: Path) -> int:
    """Return a handle for :func:`write`; OSError if the run is closed already."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)


def write(handle: int, *events: dict[str, Any]) -> None:
    """Add lines to the open file of a run in one write; OSError if the disk is full."""
    lines = [json.dumps(event, separators=(",", ":")) + "\n" for event in events]
    os.write(handle, "".join(lines).encode("ascii"))


def read(path: Path) -> OpenRun | None:
    """Return what the file of a run says, or None if the file is gone or not complete yet. Torn lines are left out.

    A file that names no process is still being created. It must not count as a dead run: another process would close
    the run while it begins.
    """
    found: dict[str, list[Any]] = {key: [] for key in _KEYS}
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        with contextlib.suppress(ValueError, AttributeError):
            for key, value in json.loads(line).items():
                found.setdefault(key, []).append(value)
    try:
        record = from_dict(found["record"][0])
        changes = tuple(TaskChange(**change) for change in found["change"])
        generations = generations_of(found["generation"])
    except (IndexError, TypeError, ValueError):
        return None
    if not found["process"]:
        return None
    hosts: dict[str, None] = {}
    for names in found["hosts"]:
        hosts.update(dict.fromkeys(map(str, names)))
    return OpenRun(
        path=path,
        record=record,
        processes=tuple(found["process"]),
        started=bool(found["started"]),
        closing=bool(found["closing"]),
        hosts=tuple(hosts),
        changes=changes,
        generations=generations,
    )


def open_runs(folders: tuple[Path, ...]) -> Iterator[OpenRun]:
    """Yield the runs that have a file. A file that was cut off while it was created is deleted."""
    for folder in folders:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            if not name.endswith(".jsonl"):
                continue
            path = folder / name
            run = read(path)
            if run is not None:
                yield run
                continue
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _UNWRITTEN_SECONDS:
                    path.unlink()


def progress(run: OpenRun) -> dict[str, Any]:
    """Return the hosts, the changes and the generations of a run so far, as fields of a record."""
    return {"hosts": run.hosts or run.record.hosts, "changes": run.changes, "generations": run.generations}


def _alive(process: dict[str, Any], path: Path) -> bool:
    """Say whether a process of a run is alive, as far as this process can see."""
    try:
        pid = int(process["pid"])
        same_boot = process.get("boot") in (boot_id(), None)
        same_space = same_boot and process.get("space") == _space()
    except (KeyError, TypeError, ValueError):
        return False
    if not same_boot and process.get("machine") == socket.gethostname():
        return False
    if not same_space:
        # The process is in another container, or on another machine with the same home: it cannot be seen from here.
        with contextlib.suppress(OSError):
            return time.time() - path.stat().st_mtime < _UNSEEN_SECONDS
        return False
    if process.get("start") is None:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
    return bool(_start_of(pid) == process["start"])


def _start_of(pid: int) -> str | None:
    """Return when a process started, in the kernel's ticks; None if it is gone or a zombie, or if /proc is hidden."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


def _space() -> str | None:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def as_event(change: TaskChange | GenerationChange) -> dict[str, Any]:
    """Return a change as an event of a run's file."""
    if isinstance(change, TaskChange):
        return {"change": vars(change)}
    return {"generation": change.as_dict()}
