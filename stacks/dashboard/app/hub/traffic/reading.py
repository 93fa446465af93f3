"""Ends what is done for a reader when the reader goes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from fastapi import Request

from hub.api.agent import client_address
from hub.errors import HubError

__all__ = ("reader_of", "while_reading")

_LOOK = 0.2


async def while_reading[T](request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns. If the reader closes the connection, the work is cancelled."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK)
            if not task.done() and await request.is_disconnected():
                raise HubError(499, "gone", "the reader closed the connection")
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def reader_of(request: Request) -> str:
    """Return who reads: the address and the program. Two people behind one address share their questions."""
    agent = request.headers.get("user-agent", "")
    return f"{client_address(request)} {hashlib.sha256(agent.encode(errors='replace')).hexdigest()[:12]}"
