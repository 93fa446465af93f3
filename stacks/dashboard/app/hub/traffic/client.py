"""Asks Loki, with a bound on what is under way. An error of Loki is data: one short line, never its raw text.

A question ends when its task is cancelled: the connection closes, and Loki ends the query.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2

from hub.core import escaped
from hub.moments import Clock, now, rfc3339
from hub.traffic.answers import Answer, WrongAnswerError, parsed_answer
from hub.traffic.slots import Slots
from hub.traffic.source import Source

__all__ = ("Loki", "LokiDownError", "LokiError", "LokiRefusedError")

_CONNECT = 2.0
_SECONDS = 30.0
# A Loki that does not answer is asked again after so many seconds. In between every question fails at once.
_PAUSE = 5.0
_LONGEST_TEXT = 200
_MOST_BYTES = 32 << 20
# A larger answer is parsed in a thread, so that it holds up nobody.
_LARGE = 1 << 18
_NANO, _MILLI = 1_000_000_000, 1_000_000
_RANGE, _INSTANT = "/loki/api/v1/query_range", "/loki/api/v1/query"


class LokiError(Exception):
    """A question has no answer; the text is short and escaped."""

    def __init__(self, text: str) -> None:
        words = escaped(" ".join(text.split()))
        super().__init__(words if len(words) <= _LONGEST_TEXT else f"{words[: _LONGEST_TEXT - 1]}…")


class LokiDownError(LokiError):
    """Loki does not answer, since ``since``."""

    def __init__(self, text: str, since: datetime) -> None:
        super().__init__(text)
        self.since = since


class LokiRefusedError(LokiError):
    """Loki answered that it does not answer this question: too many series, too slow, not understood."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class Loki:
    """The Loki of the fleet at ``url``, with what is under way and what is known of it."""

    url: str
    clock: Clock = now
    slots: Slots = field(default_factory=Slots)
    source: Source = field(default_factory=Source)
    seconds: float = _SECONDS
    monotonic: Callable[[], float] = time.monotonic
    _http: httpx2.AsyncClient | None = None

    async def series(self, query: str, *, start: int, end: int, step: int, reader: str) -> Answer:
        """Return a metric query of each step from ``start`` until ``end``, which is not in it: seconds since 1970.

        The point of a step has the time of its end.
        """
        asked = {"query": query, "start": _before(start + step), "end": _before(end), "step": step}
        return await self._ask(_RANGE, asked, reader)

    async def value(self, query: str, *, at: int, reader: str) -> Answer:
        """Return a metric query of the time before ``at``, which is not in it: seconds since 1970."""
        return await self._ask(_INSTANT, {"query": query, "time": _before(at)}, reader)

    async def lines(self, query: str, *, start: int, end: int, limit: int, reader: str) -> Answer:
        """Return the newest lines from ``start`` until ``end``, which is not in it: seconds since 1970."""
        asked = {"query": query, "start": start * _NANO, "end": end * _NANO, "limit": limit, "direction": "backward"}
        return await self._ask(_RANGE, asked, reader)

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _ask(self, path: str, asked: Mapping[str, Any], reader: str) -> Answer:
        async with self.slots.taken(reader):
            self._refuse_early()
            began = self.clock()
            try:
                async with asyncio.timeout(self.seconds):
                    status, body = await self._got(path, asked)
            except TimeoutError:
                raise self._too_slow(began) from None
            except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
                raise self._down(_words(error)) from None
            return await self._read(status, body)

    async def _got(self, path: str, asked: Mapping[str, Any]) -> tuple[int, bytes]:
        # Proxies of the environment and redirects would lead elsewhere.
        if self._http is None:
            limits = httpx2.Limits(max_connections=self.slots.most + 2)
            timeout = httpx2.Timeout(self.seconds, connect=_CONNECT)
            self._http = httpx2.AsyncClient(base_url=self.url, limits=limits, timeout=timeout, trust_env=False)
        body = bytearray()
        async with self._http.stream("GET", path, params=dict(asked)) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise LokiRefusedError(f"the answer has more than {_MOST_BYTES >> 20} MiB", 413)
        return response.status_code, bytes(body)

    async def _read(self, status: int, body: bytes) -> Answer:
        """Return the answer, or raise what the status means: 4xx and 504 are about the question, 5xx about Loki."""
        if status >= 500 and status != 504:
            raise self._down(f"HTTP {status}: {body[:1000].decode(errors='replace')}")
        self.source.answered(self.clock())
        if status != 200:
            raise LokiRefusedError(body[:1000].decode(errors="replace") or f"HTTP {status}", status)
        try:
            if len(body) > _LARGE:
                return await asyncio.to_thread(_parsed, body)
            return _parsed(body)
        except (WrongAnswerError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise LokiRefusedError(f"Loki's answer cannot be read: {error}", 502) from None

    def _refuse_early(self) -> None:
        since = self.source.down_since
        if since is None:
            return
        if self.monotonic() - self.source.tried < _PAUSE:
            raise LokiDownError(self.source.text or "Loki does not answer", since)
        # One question at a time finds out whether Loki is back; nobody else waits for it.
        self.source.tried = self.monotonic()

    def _too_slow(self, began: datetime) -> LokiError:
        """Return the error of a time-out. If Loki answered others meanwhile, the question was too much."""
        text = f"no answer within {self.seconds:g} s"
        answered = self.source.answered_at
        if answered is not None and answered > began and not self.source.down:
            return LokiRefusedError(text, 504)
        return self._down(text)

    def _down(self, text: str) -> LokiDownError:
        error = LokiError(text)
        self.source.failed(self.clock(), str(error))
        self.source.tried = self.monotonic()
        return LokiDownError(str(error), self.source.down_since or self.clock())


def _before(seconds: int) -> int:
    """Return the last millisecond before a time, in nanoseconds.

    Shippers send whole seconds. Whether a line of exactly the last moment counts differs between Loki's steps, so a
    step never ends where a line can be.
    """
    return seconds * _NANO - _MILLI


def _parsed(body: bytes) -> Answer:
    return parsed_answer(json.loads(body))


def _words(error: Exception) -> str:
    """Return why a request failed. Many errors of connections have no text of their own."""
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return "no connection to Loki"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def since_text(error: LokiDownError) -> str:
    """Return a sentence with the time since which Loki does not answer."""
    return f"Loki does not answer since {rfc3339(error.since)}: {error}"
