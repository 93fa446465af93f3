# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs under way: a file for each, which says what a record needs where the run itself cannot write one any more.

A file is lines of JSON: the record that opens the run, the processes that carry it, and what they have come to by now.
It is there from before the first record until after the last one, so that exactly one of them closes the run.
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
from typing import Any

from ..._core.audit.record import AuditRecord, TaskChange, from_dict

__all__ = (
    "OpenRun",
    "as_event",
    "create",
    "open_runs",
    "open_to_tell",
    "read",
    "tell",
    "this_process",
    "with_changes",
    "write",
)

# After that long a run whose processes cannot be seen from here is taken for dead.
_UNSEEN_SECONDS = 86_400.0
# A file without its first lines was cut off while it was made.
_UNWRITTEN_SECONDS = 60.0


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

    @property
    def dead(self) -> bool:
        """Say whether none of its processes lives any more."""
        return not any(_alive(process, self.path) for process in self.processes)


def this_process() -> dict[str, Any]:
    """Return what tells this process from every other, also from one with its number after a restart."""
    pid = os.getpid()
    return {"pid": pid, "start": _start_of(pid), "boot": _boot(), "space": _space(), "machine": socket.gethostname()}


def create(folder: Path, record: AuditRecord) -> Path:
    """Write the file of a run with this process; FileExistsError where there is one, OSError where it does not fit."""
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


def tell(path: Path, said: dict[str, Any]) -> None:
    """Add to the file of a run; OSError where it is closed already or nothing fits any more."""
    handle = open_to_tell(path)
    try:
        write(handle, said)
    finally:
        os.close(handle)


def open_to_tell(path: Path) -> int:
    """Return a handle for :func:`write`; OSError where the run is closed already."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)


def write(handle: int, *said: dict[str, Any]) -> None:
    """Add lines to the file of a run that is open, at once; OSError where nothing fits any more."""
    os.write(handle, "".join(f"{json.dumps(line, separators=(',', ':'))}\n" for line in said).encode("ascii"))


def read(path: Path) -> OpenRun | None:
    """Return what a file says, or None where it is gone or not whole yet. Lines that were cut off are left out.

    One that names no process is being made: taken for a dead run's it would be closed under its owner's hands.
    """
    found: dict[str, list[Any]] = {key: [] for key in ("record", "process", "started", "closing", "hosts", "change")}
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
    except (IndexError, TypeError, ValueError):
        return None
    if not found["process"]:
        return None
    hosts = tuple(dict.fromkeys(str(host) for hosts in found["hosts"] for host in hosts))
    return OpenRun(
        path, record, tuple(found["process"]), bool(found["started"]), bool(found["closing"]), hosts, changes
    )


def open_runs(folders: tuple[Path, ...]) -> Iterator[OpenRun]:
    """Yield the runs that have a file; one that was cut off while it was made is removed."""
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


def with_changes(run: OpenRun) -> dict[str, Any]:
    """Return what a run had come to, as the values of a record."""
    return {"hosts": run.hosts or run.record.hosts, "changes": run.changes}


def _alive(process: dict[str, Any], path: Path) -> bool:
    """Say whether a process lives, as far as it can be told from here."""
    try:
        pid = int(process["pid"])
        same_boot = process.get("boot") in (_boot(), None)
        same_space = same_boot and process.get("space") == _space()
    except (KeyError, TypeError, ValueError):
        return False
    if not same_boot and process.get("machine") == socket.gethostname():
        return False
    if not same_space:
        # Another container of this machine, or another machine with the same home: not to be seen from here.
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
    """Return when a process started, in the kernel's own ticks; None where it is gone, a zombie, or not to be told."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


def _boot() -> str | None:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return None


def _space() -> str | None:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def as_event(change: TaskChange) -> dict[str, Any]:
    """Return a change as a line of a run's file says it."""
    return {"change": vars(change)}
