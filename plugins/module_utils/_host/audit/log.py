# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the trail: append lines under a lock, rotate, and repair what a power cut left.

Each record is one write. If a power cut tore the last line, the torn line is cut away before the next record is
written.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator

from ..._core.audit.record import GENESIS, STARTED, AuditRecord, content_of, parse_line, seal
from .places import Places, rotated_number

__all__ = ("ROTATE_AT", "TrailLog")

ROTATE_AT = 32 * 1024 * 1024
_RESERVE = 64 * 1024
_LOCK_SECONDS = 1.0
_CHUNK = 256 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)


class TrailLog:
    """The lines of a trail: the current file, and the rotated ones before it."""

    def __init__(self, places: Places, *, rotate_at: int = ROTATE_AT) -> None:
        self._places = places
        self._rotate_at = rotate_at

    @contextlib.contextmanager
    def locked(self) -> Iterator[bool]:
        """Hold the lock for writing; yields False if the lock is not free within a second."""
        handle = None
        try:
            with contextlib.suppress(OSError):
                self._places.make()
                handle = os.open(self._places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            yield handle is not None and _lock(handle)
        finally:
            if handle is not None:
                os.close(handle)

    def lines(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield file name, line number and line, from the oldest on. A line has its newline, unless it is torn."""
        for file in self._places.files():
            name = file.name
            with contextlib.suppress(FileNotFoundError), open(file, "rb", buffering=1 << 20) as stream:
                for number, line in enumerate(stream, start=1):
                    yield name, number, line

    def kinds(self, run_id: str) -> set[str]:
        """Return the kinds of a run's records in the trail. Reads the trail back to the run's first record."""
        kinds: set[str] = set()
        wanted = f'"id":"{run_id}"'.encode()
        for file in reversed(self._places.files()):
            data = file.read_bytes()
            if wanted not in data:
                continue
            for line in data.splitlines():
                if wanted in line:
                    with contextlib.suppress(ValueError):
                        kinds.add(parse_line(line).kind)
            if STARTED in kinds:
                break
        return kinds

    def append(self, records: list[AuditRecord], *, durable: bool) -> int:
        """Append records, each chained to the one before; returns how many fitted. The caller holds the lock.

        ``durable`` means fsync.
        """
        done = 0
        try:
            self._places.make()
            handle = self._open()
            try:
                previous = self._repair(handle)
                for record in records:
                    line = (seal(record, previous) + "\n").encode("ascii")
                    self._write(handle, line)
                    previous = content_of(line[:-1])[1]
                    done += 1
                if durable:
                    os.fsync(handle)
            finally:
                os.close(handle)
        except OSError:
            return done
        return done

    def reserve_space(self) -> None:
        """Reserve some space, so that the last record of a run fits if the disk is full by then."""
        with contextlib.suppress(OSError):
            if self._places.reserve.exists():
                return
            handle = os.open(self._places.reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, _RESERVE)
            except OSError:
                self._places.reserve.unlink()
            finally:
                os.close(handle)

    def _open(self) -> int:
        """Return the current file, opened; a full one is rotated first."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        handle = os.open(self._places.log, flags, 0o600)
        if os.fstat(handle).st_size < self._rotate_at:
            return handle
        os.fsync(handle)
        os.close(handle)
        numbers = [rotated_number(file.name) for file in self._places.files()]
        os.rename(self._places.log, self._places.folder / f"audit.jsonl.{max(numbers) + 1}")
        return os.open(self._places.log, flags, 0o600)

    def _write(self, handle: int, line: bytes) -> None:
        """Write a line whole or not at all. If the disk is full, the reserved space is given up for it."""
        before = os.fstat(handle).st_size
        try:
            if os.write(handle, line) == len(line):
                return
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            os.ftruncate(handle, before)
            if error.errno not in _FULL or not self._places.reserve.exists():
                raise
            self._places.reserve.unlink(missing_ok=True)
        if os.write(handle, line) != len(line):
            os.ftruncate(handle, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _repair(self, handle: int) -> str:
        """Cut away a torn last line, and return the hash of the last record: the next record names it."""
        size = os.fstat(handle).st_size
        end, lines = _tail(handle, size)
        if end < size:
            os.ftruncate(handle, end)
        found = _last_hash(lines)
        rotated = [file for file in self._places.files() if file != self._places.log]
        while found is None and rotated:
            with open(rotated.pop(), "rb") as stream:
                found = _last_hash(_tail(stream.fileno(), os.fstat(stream.fileno()).st_size)[1])
        return found or GENESIS


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
    """Return the hash of the last line that is valid."""
    for line in reversed(lines.splitlines()):
        with contextlib.suppress(ValueError):
            claimed, computed = content_of(line)[1:]
            if claimed == computed:
                return claimed
    return None
