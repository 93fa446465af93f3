"""The live tail: new lines of a domain, asked for each second with a cursor.

Loki's own tail is a WebSocket that drops lines when it is slow and does not say how many. Here each second is a closed
time of its own: its newest lines are shown, and the others are counted by Loki. The tail runs three seconds behind the
clock, because shippers take up to two. What comes later than that is in the log, and not here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from hub.errors import HubError
from hub.moments import rfc3339
from hub.traffic.client import Loki, LokiDownError, LokiError
from hub.traffic.queries import Selector, lines_query, matches_query
from hub.traffic.ranges import moment
from hub.traffic.shown import shown_line

__all__ = ("MOST_LINES", "MOST_TAILS", "Place", "Tails", "followed")

MOST_TAILS = 5
"""So many tails of all readers at once."""
MOST_LINES = 50
"""So many lines are shown each second."""
_BEHIND = 3
# After a time without an answer, so many seconds are asked for at most; the others are told as not followed.
_LONGEST = 60
_DURATION = 3600
_RETRY = 30


@dataclass
class Tails:
    """How many tails are open."""

    open: int = 0
    most: int = MOST_TAILS
    # The hub ends, and waits for all connections to end.
    ended: bool = False

    def taken(self) -> Place:
        """Return one of the few places; HubError 429 if all are taken."""
        if self.open >= self.most:
            raise HubError(429, "too_many", f"{self.most} live tails are open already", retry_after=_RETRY)
        self.open += 1
        return Place(self)


@dataclass
class Place:
    """A place that an open tail has."""

    tails: Tails
    left: bool = False

    def leave(self) -> None:
        """Give the place back, once."""
        if not self.left:
            self.left = True
            self.tails.open -= 1


async def followed(
    loki: Loki, tails: Tails, streams: Selector, text: str, *, reader: str
) -> AsyncIterator[dict[str, Any]]:
    """Yield an event without lines when it begins, then one each second: new lines and how many were left out.

    It ends after an hour, and when the hub ends.
    """
    began = cursor = _now(loki) - _BEHIND
    yield {"state": "ok", "at": rfc3339(moment(cursor)), "text": None, **_NOTHING}
    while cursor - began < _DURATION:
        await asyncio.sleep(1)
        if tails.ended:
            return
        until = _now(loki) - _BEHIND
        if until <= cursor:
            continue
        skipped = max(until - cursor - _LONGEST, 0)
        try:
            event = await _second(loki, streams, text, (cursor + skipped, until), reader)
        except LokiError as error:
            # The cursor stays: what came meanwhile is shown or counted when Loki answers again.
            yield {"state": "bad", "at": rfc3339(moment(until)), "text": _text(error), **_NOTHING}
            continue
        cursor = until
        yield {**event, "skipped_seconds": skipped}


_NOTHING: dict[str, Any] = {"lines": [], "left_out": 0, "skipped_seconds": 0}


async def _second(loki: Loki, streams: Selector, text: str, time: tuple[int, int], reader: str) -> dict[str, Any]:
    """Return the lines from one time until another. Loki counts them only if not all are shown."""
    start, end = time
    query = lines_query(streams, text)
    answer = await loki.lines(query, start=start, end=end, limit=MOST_LINES, reader=reader)
    left_out = 0
    if len(answer.lines) >= MOST_LINES:
        counted = await loki.value(matches_query(streams, text, end - start), at=end, reader=reader)
        every = round(sum(value for series in counted.series for _at, value in series.points))
        left_out = max(every - len(answer.lines), 0)
    lines = sorted(answer.lines, key=lambda line: line.at)
    shown = [shown_line(line) for line in lines]
    return {"state": "ok", "at": rfc3339(moment(end)), "text": None, "lines": shown, "left_out": left_out}


def _now(loki: Loki) -> int:
    return int(loki.clock().timestamp())


def _text(error: LokiError) -> str:
    if isinstance(error, LokiDownError):
        return f"Loki does not answer since {rfc3339(error.since)}: {error}"
    return str(error)
