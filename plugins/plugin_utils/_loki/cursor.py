# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the audit trail has been sent to Loki, and what comes next, across the trail's files.

The trail is lines of JSON that are only ever appended; a full file is renamed and a new one begun. The cursor says
where the last sent line ended (device, inode, offset) and what its hash was: the place is a hint, the hash decides.
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

    ``device``, ``inode``, ``offset``: where the last sent line ended; ``hash``: its hash ("" before the first one).
    ``live``, ``late``: the newest timestamp (ns) given to a line of either stream. ``not_before``: Loki asked to be
    left alone until then (seconds since the epoch). ``gap``: a break of the chain that was seen already.
    ``limit``: how many lines one push may have; less after a push that came to no end.
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

    ``text`` is the record without its line end; ``time`` in nanoseconds; ``problem`` says why it cannot be sent at all
    ("" for a record). ``device``, ``inode``, ``offset`` is where it ends.
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
    """Return the cursor, or a fresh one where there is none, it is damaged, or it speaks of another Loki.

    A fresh cursor sends the whole trail: twice is harmless, never is not.
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
        # By kind, not by type: Ansible hands over texts that are more than a str.
        kind = int if isinstance(default, int) else str
        if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, int) and value < 0):
            return fresh
        values[name] = value
    return Cursor(**values)


def save(path: Path, cursor: Cursor) -> None:
    """Write the cursor in one step that outlasts a power cut; readable by its owner only."""
    write_atomically(path, json.dumps({"schema": 1, **dataclasses.asdict(cursor)}) + "\n", mode=0o600)


def nanoseconds(value: object) -> int | None:
    """Return a record's time (RFC 3339 text, or an integer that is nanoseconds already) as nanoseconds, else None."""
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
    """Return what a line (without its end) says; what is not a record has a ``problem`` and a hash of its own."""
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
    """The files of the trail, opened once: a rotation from then on changes nothing for the reader."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Open the files, given oldest first, the one that is written to last; one that is not there is passed over."""
        self._files: list[tuple[int, int, IO[bytes]]] = []
        #: The break of the chain at which ``lines`` stopped, "" where it did not.
        self.gap = ""
        # The live file first: were it renamed meanwhile, the same file would still be open.
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
        """Return (number of the file, offset) behind the line that the cursor names; None where it is in no file."""
        if not cursor.hash:
            return 0, 0
        for number, (device, inode, stream) in enumerate(self._files):
            if (device, inode) == (cursor.device, cursor.inode) and _hash_before(stream, cursor.offset) == cursor.hash:
                return number, cursor.offset
        # A file that was copied or restored is another one by its number: the line itself is what counts.
        for number in reversed(range(len(self._files))):
            offset = self._find(number, cursor.hash)
            if offset is not None:
                return number, offset
        return None

    def lines(self, cursor: Cursor) -> Iterator[TrailLine]:
        """Yield every whole line behind the cursor, in order; stop at a break of the chain that the cursor lacks.

        A rotation between the listing of the files and their opening looks like one, and is none in the next run.
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
        """Return how many whole lines are behind the cursor, a break of the chain or not."""
        begin = self.start(cursor) or (0, 0)
        return sum(
            _count(self._files[number][2], begin[1] if number == begin[0] else 0)
            for number in range(begin[0], len(self._files))
        )

    def _read(self, number: int, offset: int) -> Iterator[TrailLine]:
        device, inode, stream = self._files[number]
        stream.seek(offset)
        while True:
            raw = stream.readline()
            # Without its end a line is still being written, or was torn and will be repaired.
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
    """Return the hash of the line that ends at ``offset``, None where no line ends there."""
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
