# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the audit trail from a cursor: how far the trail has been sent to Loki, and which lines come next.

Lines are only ever appended to the trail. A full file is renamed and a new file is begun. The cursor has the position
where the last sent line ended (device, inode, offset) and the hash of that line. The position is a hint that makes the
search fast; the hash decides.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from calendar import timegm
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.files import read_json, write_atomically

__all__ = ("Cursor", "TrailFiles", "TrailLine", "load", "nanoseconds", "save")

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):?(\d\d))", re.ASCII
)
_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Cursor:
    """How far the trail has been sent to one Loki.

    ``device``, ``inode`` and ``offset`` are where the last sent line ended; ``hash`` is its hash ("" before the first
    line). ``live`` and ``late`` are the newest timestamps (ns) in the two streams. ``not_before`` is the time (seconds
    since the epoch) until which Loki asked for no push. ``gap`` is a break of the chain that was reported already.
    ``limit`` is the number of lines that a push may have; it shrinks after a push that timed out.
    """

    url: str = ""
    device: int = 0
    inode: int = 0
    offset: int = 0
    hash: str = ""
    live: int = 0
    late: int = 0
    not_before: int = 0
    gap: str = ""
    limit: int = 1024


@dataclasses.dataclass(frozen=True)
class TrailLine:
    """One line of the trail.

    ``text`` is the line without its newline; ``time`` is in nanoseconds; ``problem`` says why the line cannot be sent
    ("" for a valid record). ``device``, ``inode`` and ``offset`` are where the line ends.
    """

    text: str
    id: str
    hash: str
    previous: str
    time: int
    problem: str
    device: int
    inode: int
    offset: int


def load(path: Path, *, url: str) -> Cursor:
    """Return the cursor; a fresh one if there is none, if it is damaged, or if it belongs to another Loki.

    With a fresh cursor the whole trail is sent again. Loki may then have a record twice, but never misses one.
    """
    try:
        found = read_json(path)
    except (OSError, UnicodeDecodeError):
        found = None
    fresh = Cursor(url=url)
    if not isinstance(found, dict) or found.get("schema") != 1 or found.get("url") != url:
        return fresh
    values: dict[str, Any] = {}
    for name, default in dataclasses.asdict(fresh).items():
        value = found.get(name)
        # isinstance, not type(): Ansible's texts are a subclass of str.
        kind = int if isinstance(default, int) else str
        if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, int) and value < 0):
            return fresh
        values[name] = value
    return Cursor(**values)


def save(path: Path, cursor: Cursor) -> None:
    """Write the cursor atomically and durably; only its owner may read it."""
    write_atomically(path, json.dumps({"schema": 1, **dataclasses.asdict(cursor)}) + "\n", mode=0o600)


def nanoseconds(value: object) -> int | None:
    """Return a record's time in nanoseconds: from RFC 3339 text, or from an integer in nanoseconds. Else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value < 1 << 63 else None
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[number]) for number in range(1, 7))
    if not (1970 <= year <= 2261 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        return None
    offset = 0 if found[8] is None else int(found[8] + "60") * (int(found[9]) * 60 + int(found[10]))
    seconds = timegm((year, month, day, hour, minute, second)) - offset
    return seconds * 1_000_000_000 + int((found[7] or "0").ljust(9, "0")) if seconds >= 0 else None


def _parsed(raw: bytes, *, device: int, inode: int, offset: int) -> TrailLine:
    """Return a line, given without its newline. A line that is no record has a ``problem``, and a hash of its own."""
    problem, text = "", ""
    record: Any = {}
    try:
        text = raw.decode("utf-8")
        record = json.loads(text)
    except (ValueError, RecursionError):
        problem = "it is not JSON"
    if not problem and not isinstance(record, dict):
        problem, record = "it is not a record", {}
    time = nanoseconds(record.get("time"))
    if not problem and time is None:
        problem = "it has no time"
    found = record.get("hash")
    return TrailLine(
        text=text,
        id=str(record.get("id", ""))[:64],
        hash=found if isinstance(found, str) and found else "line:" + hashlib.sha256(raw).hexdigest(),
        previous=str(record.get("prev_hash", "")),
        time=time or 0,
        problem=problem,
        device=device,
        inode=inode,
        offset=offset,
    )


class TrailFiles:
    """The files of the trail, opened once, so that a rotation afterwards does not disturb the reader."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Open the files, given oldest first with the current file last. Missing files are left out."""
        self._files: list[tuple[int, int, IO[bytes]]] = []
        #: The break of the chain at which ``lines`` stopped; "" if it did not stop.
        self.gap = ""
        # The current file first: if it is renamed meanwhile, it is open already and is not opened twice.
        for path in reversed(paths):
            try:
                stream = path.open("rb")
            except FileNotFoundError:
                continue
            about = os.fstat(stream.fileno())
            if (about.st_dev, about.st_ino) in {entry[:2] for entry in self._files}:
                stream.close()
            else:
                self._files.insert(0, (about.st_dev, about.st_ino, stream))

    def close(self) -> None:
        """Close the files."""
        for entry in self._files:
            entry[2].close()

    def start(self, cursor: Cursor) -> tuple[int, int] | None:
        """Return the number of the file and the offset after the cursor's line; None if no file has that line."""
        if not cursor.hash:
            return 0, 0
        for number, (device, inode, stream) in enumerate(self._files):
            if (device, inode) == (cursor.device, cursor.inode) and _hash_before(stream, cursor.offset) == cursor.hash:
                return number, cursor.offset
        # A file that was copied or restored has another inode: look for the line itself.
        for number in reversed(range(len(self._files))):
            offset = self._find(number, cursor.hash)
            if offset is not None:
                return number, offset
        return None

    def lines(self, cursor: Cursor) -> Iterator[TrailLine]:
        """Yield every whole line after the cursor, in order. Stop at a break of the chain that is new to the cursor.

        A rotation between listing and opening the files looks like a break. The next run then sees that it is none.
        """
        begin = self.start(cursor)
        if begin is None:
            self.gap = f"lost {cursor.hash}"
            if cursor.gap != self.gap:
                return
            self.gap, begin = "", (0, 0)
        last = cursor.hash if begin != (0, 0) else ""
        for number in range(begin[0], len(self._files)):
            first = number != begin[0]
            for line in self._read(number, begin[1] if number == begin[0] else 0):
                if first and last and line.previous and line.previous != last:
                    self.gap = f"after {last}"
                    if cursor.gap != self.gap:
                        return
                    self.gap = ""
                first, last = False, line.hash
                yield line

    def count(self, cursor: Cursor) -> int:
        """Return the number of whole lines after the cursor, breaks of the chain or not."""
        first, offset = self.start(cursor) or (0, 0)
        counted = 0
        for number in range(first, len(self._files)):
            counted += _count(self._files[number][2], offset if number == first else 0)
        return counted

    def _read(self, number: int, offset: int) -> Iterator[TrailLine]:
        device, inode, stream = self._files[number]
        stream.seek(offset)
        while True:
            raw = stream.readline()
            # A line without a newline is being written, or is torn; the writer cuts it away.
            if not raw.endswith(b"\n"):
                return
            offset += len(raw)
            yield _parsed(raw[:-1], device=device, inode=inode, offset=offset)

    def _find(self, number: int, wanted: str) -> int | None:
        needle = wanted.removeprefix("line:").encode()
        offset = 0
        stream = self._files[number][2]
        stream.seek(0)
        for raw in stream:
            offset += len(raw)
            if raw.endswith(b"\n") and (needle in raw or wanted.startswith("line:")) and _hash_of(raw[:-1]) == wanted:
                return offset
        return None


def _hash_of(raw: bytes) -> str:
    return _parsed(raw, device=0, inode=0, offset=0).hash


def _hash_before(stream: IO[bytes], offset: int) -> str | None:
    """Return the hash of the line that ends at ``offset``; None if no line ends there."""
    tail, begin = b"", offset
    while begin > 0 and b"\n" not in tail[:-1]:
        begin = max(0, begin - _CHUNK // 16)
        stream.seek(begin)
        tail = stream.read(offset - begin)
        if len(tail) != offset - begin or not tail.endswith(b"\n"):
            return None
    return _hash_of(tail[:-1].rpartition(b"\n")[2]) if tail else None


def _count(stream: IO[bytes], offset: int) -> int:
    stream.seek(offset)
    found = 0
    while chunk := stream.read(_CHUNK):
        found += chunk.count(b"\n")
    return found
