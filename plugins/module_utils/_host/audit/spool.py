# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records that wait on a tmpfs while the disk is full or the lock is not free. The next record takes them along.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import replace
from pathlib import Path

from ..._core.audit.record import AuditRecord, from_dict

__all__ = ("keep", "waiting", "waiting_kinds")


def keep(spool: Path, record: AuditRecord) -> None:
    """Keep a record, once. OSError if the tmpfs has no room either."""
    spool.mkdir(mode=0o700, exist_ok=True)
    if spool.is_symlink() or spool.stat().st_uid != os.getuid():
        raise PermissionError(f"{spool} belongs to somebody else")
    # A run has one record of each kind, but a host may have several changes of one run.
    name = record.kind
    if record.kind == "change":
        name = f"change-{time.time_ns()}-{os.getpid()}"
    try:
        handle = os.open(spool / f"{record.id}.{name}.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        json.dump(record.as_dict(), stream)


def waiting(spool: Path) -> list[tuple[Path, AuditRecord]]:
    """Return the records that wait, the oldest first, each with its file. Files of other users are left out."""
    found: list[tuple[Path, AuditRecord]] = []
    for name in _names(spool):
        path = spool / name
        if not name.endswith(".json"):
            continue
        with contextlib.suppress(OSError, ValueError):
            if path.stat().st_uid == os.getuid():
                record = from_dict(json.loads(path.read_bytes()))
                found.append((path, replace(record, prev_hash="", hash="")))
    return sorted(found, key=lambda entry: entry[1].time)


def waiting_kinds(spool: Path, run_id: str) -> set[str]:
    """Return the kinds of a run's records that wait."""
    return {name.split(".")[1] for name in _names(spool) if name.startswith(f"{run_id}.")}


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
