"""`GET /traffic`: the page, its panels as fragments, and the live tail as rows of a table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from hub.core import VERSION
from hub.state import HubState
from hub.traffic.reading import while_reading
from hub.traffic.routes import TailResponse, tail_response
from hub.traffic.view import asked_of, one_panel, traffic_view
from hub.web.frame import DIGEST_HEADER, show
from hub.web.negotiate import wants_json

__all__ = ("router",)

router = APIRouter(prefix="/traffic", include_in_schema=False)

_VARY = {"Vary": "Accept"}


@router.get("")
async def page(request: Request) -> Response:
    """Return the page as HTML or JSON. Its panels come by themselves when they are seen, or all at once if asked."""
    hub: HubState = request.app.state.hub
    asked = asked_of(request)
    view = await while_reading(request, traffic_view(request, asked))
    words: dict[str, Any] = {"here": "traffic", "title": "Traffic", "template": "traffic.html"}
    return await run_in_threadpool(show, request, hub, view=view, **words)


@router.get("/panels/{panel}")
async def panel(request: Request, panel: str) -> Response:
    """Return one panel as HTML or JSON; nothing if a refresh finds it unchanged."""
    hub: HubState = request.app.state.hub
    asked = asked_of(request)
    view = await while_reading(request, one_panel(request, panel, asked))
    digest = _digest(view)
    if wants_json(request.headers.get("accept", "")):
        return Response(json.dumps(view), media_type="application/json", headers=_VARY)
    if request.headers.get("hx-request") and request.headers.get(DIGEST_HEADER) == digest:
        return Response(status_code=204, headers=_VARY)
    template = hub.frame.environment.get_template("traffic/fragment.html")
    text = template.render(panel=view, digest=digest, polls=True)
    return Response(text, media_type="text/html", headers=_VARY)


@router.get("/tail")
async def tail(request: Request) -> TailResponse:
    """Return new lines as server-sent events with rows of a table."""
    hub: HubState = request.app.state.hub
    template = hub.frame.environment.get_template("traffic/tail.html")

    def written(event: dict[str, Any]) -> str:
        return str(template.render(event=event))

    return await tail_response(request, written)


def _digest(view: Mapping[str, Any]) -> str:
    """Return a digest of what a panel shows. What it cost is no news, and neither is the time of a range alone."""
    said = {name: value for name, value in view.items() if name != "cost"}
    return hashlib.blake2b(json.dumps([said, VERSION], sort_keys=True).encode(), digest_size=12).hexdigest()
