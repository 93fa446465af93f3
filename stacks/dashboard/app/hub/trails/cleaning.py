"""Records that the hub has kept for as long as it should go, a few at a time: beats and pages must not wait for it.

A record goes if both its own time and the time when it came are that long ago. So a wrong clock lets no record vanish.
The node's own trail keeps its records; the hub does not take them a second time, see :mod:`hub.beat.chain`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime

from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from hub.moments import Clock
from hub.trails.state import Trails

__all__ = ("clean", "clean_for_ever")

_log = logging.getLogger("hub")
_BATCH = 1000
_PAUSE = 0.2
# Not right after the start, when all agents report at once.
_FIRST, _EVERY = 600, 86400
_DELETE = text("""
    delete from audit where (node, hash) in (
        select node, hash from audit where at < :before and received_at < :before order by at, hash limit :most
    )
""")


def clean(engine: Engine, *, before: datetime, batch: int = _BATCH, pause: float = _PAUSE) -> int:
    """Delete the records from before a time, each batch in a transaction of its own; return how many they were."""
    deleted = 0
    while True:
        with engine.begin() as connection:
            number = connection.execute(_DELETE, {"before": before, "most": batch}).rowcount
        deleted += number
        if number < batch:
            return deleted
        time.sleep(pause)


async def clean_for_ever(engine: Engine, trails: Trails, clock: Clock) -> None:
    """Delete old records once a day. Whatever goes wrong, the next day tries again."""
    await asyncio.sleep(_FIRST)
    while True:
        try:
            deleted = await run_in_threadpool(clean, engine, before=trails.oldest(clock()))
            _log.info("%d audit records were older than %d days", deleted, trails.days)
        except SQLAlchemyError as error:
            _log.error("old audit records could not be deleted: %s", type(error).__name__)
        await asyncio.sleep(_EVERY)
