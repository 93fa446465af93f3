"""`GET /api/v1/traffic`: traffic by domain from Loki. The proxy asks for a password before it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from hub.errors import HubError
from hub.state import HubState
from hub.traffic.asked import Asked
from hub.traffic.models import PanelView, TailEvent, TrafficView
from hub.traffic.reading import while_reading
from hub.traffic.service import Traffic
from hub.traffic.tail import Place, followed
from hub.traffic.view import asked_of, known_domain, one_panel, traffic_view

__all__ = ("TailResponse", "router", "tail_response")

router = APIRouter(prefix="/api/v1", tags=["traffic"])

_STREAM = "text/event-stream"
_PARAMETERS: dict[str, str] = {
    "domain": "A domain that the hub knows.",
    "range": "15m, 1h, 6h, 24h, 7d or 30d.",
    "from": "The start of a free range, with `to`: RFC 3339, UTC if there is no zone.",
    "to": "The end of a free range.",
    "q": "Text that a log line has.",
    "status": "A class such as 5xx, or a status: for the log.",
    "method": "A method: for the log.",
    "ask": "Panels that may read more than a day, of paths, clients and log, with commas between.",
    "panels": "`all`: the page with all of its panels.",
}
_EXTRA: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in _PARAMETERS.items()
    ]
}


class TailResponse(StreamingResponse):
    """Server-sent events. The place among the few tails is free again when the response ends, however it ends."""

    def __init__(self, events: AsyncIterator[str], place: Place) -> None:
        # The proxy must pass each event on at once.
        super().__init__(events, media_type=_STREAM, headers={"X-Accel-Buffering": "no"})
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until the reader goes."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._place.leave()


@router.get("/traffic", summary="Show the traffic of a domain, or of the fleet", openapi_extra=_EXTRA)
async def traffic(request: Request) -> TrafficView:
    """Return the page. Questions to Loki end when the reader goes."""
    asked = asked_of(request)
    return TrafficView.model_validate(await while_reading(request, traffic_view(request, asked)))


@router.get("/traffic/panels/{panel}", summary="Show one panel of a domain", openapi_extra=_EXTRA)
async def panel(request: Request, panel: str) -> PanelView:
    """Return one panel with what it cost."""
    asked = asked_of(request)
    return PanelView.model_validate(await while_reading(request, one_panel(request, panel, asked)))


@router.get(
    "/traffic/tail",
    summary="Follow the log of a domain",
    response_class=StreamingResponse,
    responses={200: {"model": TailEvent, "content": {_STREAM: {}}, "description": "One event each second"}},
    openapi_extra=_EXTRA,
)
async def tail(request: Request) -> TailResponse:
    """Return new lines as server-sent events, each a TailEvent as JSON."""
    return await tail_response(request, json.dumps)


async def tail_response(request: Request, written: Callable[[dict[str, Any]], str]) -> TailResponse:
    """Return a stream of events; ``written`` makes text of one. HubError 429 if too many are open."""
    asked = asked_of(request)
    await known_domain(request, asked)
    hub: HubState = request.app.state.hub
    if not isinstance(hub.traffic, Traffic):
        raise HubError(503, "no_loki", "this hub has no Loki")
    place = hub.traffic.tails.taken()
    return TailResponse(_events(hub.traffic, asked, written), place)


async def _events(traffic: Traffic, asked: Asked, written: Callable[[dict[str, Any]], str]) -> AsyncIterator[str]:
    reader = f"{asked.reader} follows"
    async for event in followed(traffic.loki, traffic.tails, asked.chosen, asked.q, reader=reader):
        text = written(event)
        # Each line of the text is a line of data, so text can end no event.
        lines = "".join(f"data: {line}\n" for line in text.split("\n"))
        yield f"id: {event['at']}\n{lines}\n"
