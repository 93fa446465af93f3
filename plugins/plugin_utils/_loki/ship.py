# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send the audit trail to Loki: every record at least once, in order, within a deadline, and without failing the run.

A writer has two streams: ``{job="vsa-audit", writer=…}`` has each record at its own time. The same with ``late="1"``
has records that Loki refuses there because they are older than what it has, or than what it accepts; the line of a late
record still has the record's own time. If an answer of Loki is lost, Loki may have a record twice; the records' hashes
show that.
Source: the push API, https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs, and the refusals in
https://grafana.com/docs/loki/latest/operations/request-validation-rate-limits/.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from .cursor import TrailFiles, TrailLine, load, save
from .http import LokiAnswer, NoAnswerError, SettingsError, Target, Transport

__all__ = ("ShipResult", "Skipped", "ship")

#: The sizes of one push and of one run. A slow connection must manage them in time; Loki takes 4 MB/s by default.
_PUSH_BYTES = 512 * 1024
_RUN_BYTES = 8 * 1024 * 1024
_PUSH_LINES = 1024
#: A line of this size is pushed alone: Loki may refuse it, and a refused push has to be sent again in parts.
_ALONE_BYTES = 64 * 1024
#: Records of concurrent runs are out of order by up to this time. They get the newest time. Nanoseconds.
_NUDGE = 5_000_000_000
#: The longest Retry-After that is obeyed. Seconds.
_LONGEST_WAIT = 3600
#: The longest time span of one push: Loki does not say which lines of a push it finds too old or too new. Nanoseconds.
_SPAN = 86_400_000_000_000
#: The part of the deadline that is kept for writing the cursor. Seconds.
_RESERVE = 0.15
#: If this many lines are refused one by one and none is taken, the fault is not in the lines.
_MOST_DOUBTS = 8

_OTHER_TIME = re.compile(r"out of order|too far behind|timestamp too (old|new)", re.IGNORECASE)
_TOO_LONG = re.compile(r"max entry size|line too long|too large", re.IGNORECASE)
_IGNORED = re.compile(r"total ignored: (\d+) out of (\d+)")


@dataclasses.dataclass(frozen=True)
class Skipped:
    """A line of the trail that Loki never takes: its id ("" if it has none), its hash, and the reason."""

    id: str
    hash: str
    reason: str


@dataclasses.dataclass(frozen=True)
class ShipResult:
    """The result of ``ship``: lines sent, lines skipped, lines still to send, and the reason if it stopped early."""

    sent: int
    skipped: tuple[Skipped, ...]
    pending: int
    error: str | None


def ship(
    *,
    trail: Sequence[Path],
    cursor: Path,
    url: str,
    writer: str,
    auth_file: Path | None = None,
    auth: str | None = None,
    ca_bundle: Path | None = None,
    deadline: float = 2.0,
) -> ShipResult:
    """Send the records that Loki does not have. Raises nothing, and takes ``deadline`` seconds at most.

    ``trail`` are the trail's files, oldest first, the current file last. ``cursor`` is the file of the cursor, which
    may be missing. ``writer`` is the controller's id. ``auth_file`` (mode 0600) holds ``user:password`` or a
    bearer token; ``auth`` says which ("basic", "bearer"), and None decides by the colon.
    """
    until = time.monotonic() + deadline - min(_RESERVE, deadline / 4)
    files: TrailFiles | None = None
    try:
        target = Target.of(url, auth_file=auth_file, auth=auth, ca_bundle=ca_bundle)
        with _alone(cursor, until=until):
            files = TrailFiles(trail)
            return _Shipment(cursor=cursor, target=target, writer=writer, url=url, until=until).through(files)
    except (SettingsError, _StopError) as error:
        return ShipResult(0, (), _pending(trail, cursor, url=url), str(error))
    except Exception as error:  # an audit trail never fails a run, whatever is wrong with its files
        return ShipResult(0, (), 0, f"{type(error).__name__}: {error}")
    finally:
        if files is not None:
            files.close()


class _StopError(Exception):
    """Nothing more can be sent in this run. Without a message the time is over, which is no error.

    ``wait`` is the number of seconds that Loki asked for. ``smaller`` means that the next push has to be smaller.
    """

    def __init__(self, message: str = "", *, wait: int = 0, smaller: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.smaller = smaller


@contextlib.contextmanager
def _alone(cursor: Path, *, until: float) -> Iterator[None]:
    """Hold the lock for sending. A second process waits for it: the first may have read the trail before its record."""
    handle = os.open(cursor.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise _StopError("another run is sending") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _pending(trail: Sequence[Path], cursor: Path, *, url: str) -> int:
    with contextlib.suppress(OSError), contextlib.closing(TrailFiles(trail)) as files:
        return files.count(load(cursor, url=url))
    return 0


class _Shipment:
    """Pushes from the cursor on, until all is sent, the time is over, or Loki takes no more."""

    def __init__(self, *, cursor: Path, target: Target, writer: str, url: str, until: float) -> None:
        self._path = cursor
        self._target = target
        self._transport = Transport(target)
        self._name = target.name
        self._writer = writer
        self._until = until
        self._cursor = load(cursor, url=url)
        self._saved = self._cursor
        self._sent = 0
        self._skipped: list[Skipped] = []
        # Lines that were refused alone before Loki took any line. The first line that Loki takes shows that the fault
        # is in these lines.
        self._doubts: list[Skipped] = []

    def through(self, files: TrailFiles) -> ShipResult:
        """Send the trail's lines from the cursor on."""
        before = files.count(self._cursor)
        error = None
        try:
            self._check_wait()
            for lines, late in self._batches(files.lines(self._cursor)):
                self._deliver(lines, late=late)
                self._cursor = dataclasses.replace(self._cursor, limit=min(self._cursor.limit * 2, _PUSH_LINES))
            if self._doubts:
                raise _StopError(f"{self._name} refuses every record: {self._doubts[0].reason}")
            if files.gap:
                error = "the chain of the trail is broken; the next run goes on behind the break"
        except _StopError as stop:
            error = str(stop) or None
            if stop.wait:
                self._cursor = dataclasses.replace(self._cursor, not_before=int(time.time()) + stop.wait)
            if stop.smaller:
                self._cursor = dataclasses.replace(self._cursor, limit=max(1, self._cursor.limit // 2))
        finally:
            self._transport.close()
        self._cursor = dataclasses.replace(self._cursor, gap=files.gap)
        self._save()
        done = self._sent + len(self._skipped)
        return ShipResult(self._sent, tuple(self._skipped), max(0, before - done), error)

    def _check_wait(self) -> None:
        left = self._cursor.not_before - time.time()
        # A longer wait was written by a wrong clock: it must not stop the pushes for years.
        if 0 < left <= _LONGEST_WAIT:
            raise _StopError(f"{self._name} asked to be left alone for another {left:.0f} s")
        self._cursor = dataclasses.replace(self._cursor, not_before=0)

    def _batches(self, lines: Iterator[TrailLine]) -> Iterator[tuple[list[TrailLine], bool]]:
        """Yield the lines in batches, in order; each batch fits one push. With each, say whether its lines are late."""
        batch: list[TrailLine] = []
        size = total = newest = 0
        batch_late = False
        for line in lines:
            length = len(line.text)
            late = line.time + _NUDGE < max(newest, self._cursor.live)
            alone = length > _ALONE_BYTES or line.problem != ""
            full = len(batch) >= self._cursor.limit or size + length > _PUSH_BYTES
            if batch and (full or alone or late != batch_late or abs(line.time - batch[0].time) > _SPAN):
                yield batch, batch_late
                batch, size, newest = [], 0, 0
                late = line.time + _NUDGE < self._cursor.live
            batch.append(line)
            batch_late = late
            size += length
            total += length
            newest = newest if late else max(newest, line.time)
            if alone:
                yield batch, batch_late
                batch, size, newest = [], 0, 0
            if total > _RUN_BYTES:
                break
        if batch:
            yield batch, batch_late

    def _deliver(self, lines: list[TrailLine], *, late: bool, restamped: bool = False) -> None:
        """Send lines to Loki, in one push or in several, and move the cursor behind them."""
        if lines[0].problem:
            self._pass_over(lines[0], lines[0].problem, sure=True)
            return
        stamps = self._stamps(lines, late=late, now=time.time_ns() if restamped else None)
        answer = self._push(lines, stamps, late=late)
        if answer.status < 300:
            self._taken(lines, stamps, late=late)
        elif _OTHER_TIME.search(answer.text):
            if restamped:
                raise _StopError(f"{self._name} takes no record as of now: {self._words(answer)}")
            self._at_another_time(lines, stamps, answer, late=late)
        elif len(lines) > 1:
            self._in_halves(lines, late=late)
        else:
            sure = answer.status == 413 or _TOO_LONG.search(answer.text) is not None
            self._pass_over(lines[0], f"{answer.status}: {self._words(answer)}", sure=sure)

    def _stamps(self, lines: list[TrailLine], *, late: bool, now: int | None) -> list[int]:
        """Return a timestamp for each line: its own time, or ``now``; at least one nanosecond after the line before."""
        newest = self._cursor.late if late else self._cursor.live
        stamps = []
        for line in lines:
            newest = max(line.time if now is None else now, newest + 1)
            stamps.append(newest)
        return stamps

    def _push(self, lines: list[TrailLine], stamps: list[int], *, late: bool) -> LokiAnswer:
        """Return Loki's answer if it is about these lines; raise _StopError for every other answer."""
        labels = {"job": "vsa-audit", "writer": self._writer, **({"late": "1"} if late else {})}
        values = [[str(stamp), line.text] for stamp, line in zip(stamps, lines, strict=True)]
        body = json.dumps({"streams": [{"stream": labels, "values": values}]}, ensure_ascii=False).encode()
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise _StopError
        try:
            answer = self._transport.push(body, seconds=seconds)
        except NoAnswerError as error:
            raise _StopError(str(error), smaller=True) from None
        if answer.status < 300 or answer.status in (400, 413, 422):
            return answer
        busy = answer.status == 429 or answer.status >= 500
        # The next push has to be smaller too: Loki refuses a push above its burst size every time.
        raise _StopError(
            f"{self._name} answered {answer.status}: {self._words(answer)}",
            wait=_seconds(answer.retry_after) if busy else 0,
            smaller=busy,
        )

    def _at_another_time(self, lines: list[TrailLine], stamps: list[int], answer: LokiAnswer, *, late: bool) -> None:
        """Send lines again whose time was refused: live ones as late ones, late ones with the current time."""
        if late:
            self._deliver(lines, late=True, restamped=True)
            return
        # Loki takes the lines of a push that it can take, and says how many it refused. Our lines are in order, so the
        # refused lines are the first ones. If Loki's numbers do not match, all lines are sent again, which is harmless.
        refused = len(lines)
        found = _IGNORED.search(answer.text)
        if found and int(found[2]) == len(lines) >= int(found[1]) > 0:
            refused = int(found[1])
        self._deliver(lines[:refused], late=True)
        if lines[refused:]:
            self._taken(lines[refused:], stamps[refused:], late=False)

    def _in_halves(self, lines: list[TrailLine], *, late: bool) -> None:
        """Find the bad line of a refused push by halving the push. The good lines are sent on the way."""
        middle = len(lines) // 2
        try:
            self._deliver(lines[:middle], late=late)
            self._deliver(lines[middle:], late=late)
        except _StopError as stop:
            stop.smaller = True
            raise

    def _taken(self, lines: list[TrailLine], stamps: list[int], *, late: bool) -> None:
        self._sent += len(lines)
        for doubt in self._doubts:
            self._skip(doubt)
        self._doubts.clear()
        self._move(lines[-1])
        if late:
            self._cursor = dataclasses.replace(self._cursor, late=stamps[-1])
        else:
            self._cursor = dataclasses.replace(self._cursor, live=stamps[-1])
        self._save()

    def _pass_over(self, line: TrailLine, reason: str, *, sure: bool) -> None:
        skipped = Skipped(line.id, line.hash, reason)
        if sure or self._sent:
            self._skip(skipped)
        else:
            self._doubts.append(skipped)
            if len(self._doubts) > _MOST_DOUBTS:
                raise _StopError(f"{self._name} refuses every record: {reason}")
        self._move(line)
        self._save()

    def _skip(self, skipped: Skipped) -> None:
        """Write down durably, before the cursor moves, that Loki will never have this line."""
        self._skipped.append(skipped)
        note = {"time": int(time.time()), **dataclasses.asdict(skipped)}
        path = self._path.with_name(f"{self._path.stem}-skipped.jsonl")
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, json.dumps(note).encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)

    def _words(self, answer: LokiAnswer) -> str:
        """Return Loki's text as one line without secrets: some proxies quote the request that they refuse."""
        text = answer.text
        for secret in self._target.secrets:
            text = text.replace(secret, "…")
        printable = [sign if sign.isprintable() else " " for sign in text]
        words = " ".join("".join(printable).split())
        return words[:200] or "no words"

    def _move(self, line: TrailLine) -> None:
        self._cursor = dataclasses.replace(
            self._cursor, device=line.device, inode=line.inode, offset=line.offset, hash=line.hash
        )

    def _save(self) -> None:
        cursor = self._cursor
        if self._doubts:
            # The cursor must not move past lines in doubt. Only fields that do not depend on them are saved.
            cursor = dataclasses.replace(self._saved, not_before=cursor.not_before, limit=cursor.limit, gap=cursor.gap)
        if cursor != self._saved:
            save(self._path, cursor)
            self._saved = cursor


def _seconds(retry_after: str | None) -> int:
    """Parse Retry-After, a number of seconds or a date: clamp it to an hour; 0 if it is missing or not valid."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), _LONGEST_WAIT)
    try:
        then = email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0
    return max(0, min(round(then - time.time()), _LONGEST_WAIT))
