"""`POST /api/v1/agent/beat`: the only request that writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError

from hub.api.schema import BEAT
from hub.beat.accept import Answer, authorize, note_refusal, take_beat
from hub.beat.inflate import drained, inflated, too_large
from hub.beat.parse import parse_beat
from hub.core import (
    AGENT_TOO_OLD,
    BAD_BEAT,
    COMPRESSED_MOST,
    ENCODING,
    OTHER_MACHINE,
    TOKEN_UNKNOWN,
    TOO_LARGE,
)
from hub.errors import HubError, refusal
from hub.state import HubState

__all__ = ("router",)

router = APIRouter(prefix="/api/v1/agent", tags=["agent"])

# Seconds in which a body has to arrive: the largest one takes 7 minutes at 20 kbit/s, a usual one 10 s.
_BODY_SECONDS = 480
_DRAIN_SECONDS = 30
# What a node with a valid token may have refused and is kept for its row.
_KEPT = (BAD_BEAT, OTHER_MACHINE, AGENT_TOO_OLD, TOO_LARGE)


@router.post("/beat", openapi_extra=BEAT, summary="Send one snapshot of a node")
async def beat(request: Request) -> JSONResponse:
    """Take the beat of an agent: authorize it, read it with caps, and store it in one transaction."""
    # Asked for once: what a refusal left of the body is read from where the reading stopped.
    chunks = request.stream()
    try:
        answer = await _taken(request, chunks)
    except HubError as refused:
        if not await _ended(chunks):
            refused.last = True
        raise
    return JSONResponse(answer.as_json())


async def _ended(chunks: AsyncIterator[bytes]) -> bool:
    """Read what is left of the body of a request that was refused; say whether the body ended in time."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            return await drained(chunks)
    except TimeoutError:
        return False


async def _taken(request: Request, chunks: AsyncIterator[bytes]) -> Answer:
    hub: HubState = request.app.state.hub
    token = _token(request)
    _refuse_encoding(request)
    node = await run_in_threadpool(authorize, hub.engine, token, at=hub.clock())
    sender = (node, client_address(request))
    with hub.gate.entered(sender):
        hub.gate.refuse_early(sender)
        try:
            answer = await _answer(request, chunks, token, node)
        except HubError as refused:
            if refused.code in _KEPT:
                hub.gate.note(sender, more=False)
                await _keep(hub, node, refused)
            raise
        hub.gate.note(sender, more=answer.more)
    return answer


async def _answer(request: Request, chunks: AsyncIterator[bytes], token: str, node: str) -> Answer:
    hub: HubState = request.app.state.hub
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = await inflated(chunks)
    except TimeoutError as error:
        raise HubError(408, "too_slow", f"the body did not arrive within {_BODY_SECONDS} s") from error
    with hub.gate.entered(node):
        read = await run_in_threadpool(parse_beat, body)
        at, oldest = hub.clock(), hub.trails.oldest(hub.clock())
        return await run_in_threadpool(
            take_beat, hub.engine, read, token=token, address=client_address(request), at=at, oldest=oldest
        )


async def _keep(hub: HubState, node: str, refused: HubError) -> None:
    try:
        await run_in_threadpool(note_refusal, hub.engine, node, refused, at=hub.clock())
    except DBAPIError:
        return  # the refusal itself is the answer


def _token(request: Request) -> str:
    scheme, _space, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.isascii() or "\0" in token:
        raise refusal(TOKEN_UNKNOWN, "the hub does not know this token")
    return token.strip()


def _refuse_encoding(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.headers.get("content-encoding", "").strip().lower() != "gzip" or kind != "application/json":
        raise refusal(ENCODING, "a beat is application/json with the content encoding gzip")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > COMPRESSED_MOST:
        raise too_large()


def client_address(request: Request) -> str:
    """Return the address of the client. The proxy is the only one that connects, and writes the last entry."""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    if forwarded:
        return forwarded[:45]
    return request.client.host if request.client else ""
