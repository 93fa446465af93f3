# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit records of the host that its hub lacks: the lines of the trail after the hub's last one.

The trail is the agent's spool, so nothing is kept twice.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...._core.agent.beat import RECORDS_MOST, RUNS_MOST, audit_line

__all__ = ("Backlog", "records_after")

# One run of the sender sends no more than this.
_RECORDS = RECORDS_MOST * RUNS_MOST
_BYTES = 8 * 1024 * 1024
_RECORD = b'{"prev_hash":"'
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Backlog:
    """Records in the order of the trail, after the one with the hash ``after``; None for the oldest ones.

    ``asked`` is the hash that was looked for; the trail does not have it if ``after`` is another one. ``left`` counts
    the records after these.
    """

    asked: str | None
    after: str | None
    records: Sequence[str] = ()
    left: int = 0


def records_after(files: Sequence[Path], after: str | None) -> Backlog:
    """Return the records after a hash. If no line has the hash, the trail was rotated or restored: all records.

    ``files`` are those of the trail, the oldest first. OSError if one cannot be read.
    """
    known = after if after is not None and _HASH.fullmatch(after) else None
    found = _place(files, known) if known else None
    place, offset = found or (0, 0)
    records: list[str] = []
    size = left = 0
    for line in _lines(files[place:], offset):
        if left or len(records) == _RECORDS or (records and size + len(line) > _BYTES):
            left += line.startswith(_RECORD)
            continue
        record = audit_line(line) if line.endswith(b"\n") else None
        if record is None:
            continue
        size += len(line)
        records.append(record)
    return Backlog(after, known if found else None, records, left)


def _place(files: Sequence[Path], after: str) -> tuple[int, int] | None:
    """Return the file and the offset at which the line with a hash ends; the last such line, None if there is none."""
    wanted = f'"hash":"{after}"}}\n'.encode()
    for place in reversed(range(len(files))):
        with open(files[place], "rb") as stream:
            if stream.seek(0, 2) == 0:
                continue
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                at = content.rfind(wanted)
        if at >= 0:
            return place, at + len(wanted)
    return None


def _lines(files: Sequence[Path], offset: int) -> Iterator[bytes]:
    """Yield the lines of files, of the first one from an offset on."""
    for file in files:
        with open(file, "rb", buffering=1 << 20) as stream:
            stream.seek(offset)
            yield from stream
        offset = 0
