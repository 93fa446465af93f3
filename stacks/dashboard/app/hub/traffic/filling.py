"""Keeps the minutes filled, for as long as the hub runs. Loki may be away for hours."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from hub.traffic.client import LokiError
from hub.traffic.minutes import Minutes
from hub.traffic.service import Traffic
from hub.traffic.tail import Tails

__all__ = ("keep_filled", "next_wait", "running")

_log = logging.getLogger("hub")
# Seconds between two questions while there is something to ask for, and while there is not.
_BUSY, _IDLE = 2.0, 5.0
_LONGEST = 120.0


def next_wait(failures: int, *, asked: bool, chance: float) -> float:
    """Return how many seconds to wait: longer from failure to failure, two minutes at most."""
    if failures:
        return min(_IDLE * 2.0 ** min(failures - 1, 10), _LONGEST) * (0.8 + 0.4 * chance)
    return _BUSY if asked else _IDLE


async def keep_filled(minutes: Minutes) -> None:
    """Ask for what is missing, one question after the other, until the task is cancelled."""
    failures = 0
    asked = False
    while True:
        try:
            asked = await minutes.step()
            failures = 0
        except LokiError as error:
            failures += 1
            if failures == 1:
                _log.warning("the minutes of the traffic have a gap: %s", error)
        except Exception:
            # Whatever goes wrong with one answer, the next one may be right.
            failures += 1
            _log.exception("the minutes of the traffic could not be asked for")
        await asyncio.sleep(next_wait(failures, asked=asked, chance=random.random()))


@asynccontextmanager
async def running(traffic: object) -> AsyncIterator[None]:
    """Keep the minutes of a hub filled while it runs. A hub without Loki has none."""
    if not isinstance(traffic, Traffic):
        yield
        return
    filling = asyncio.create_task(keep_filled(traffic.minutes))
    _end_tails_with(traffic.tails)
    try:
        yield
    finally:
        filling.cancel()
        with suppress(asyncio.CancelledError):
            await filling
        await traffic.loki.close()


def _end_tails_with(tails: Tails) -> None:
    """Let the tails end when the server is told to end: it waits for its connections before anything else."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, partial(_ended, tails, before))


def _ended(tails: Tails, before: Callable[[int, Any], Any], number: int, frame: Any) -> None:
    tails.ended = True
    before(number, frame)
