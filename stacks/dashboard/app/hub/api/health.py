"""`GET /healthz`: whether the hub works, which means that it can ask its database."""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy import text

from hub.state import HubState

__all__ = ("router",)

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Ask the database")
def healthz(request: Request) -> dict[str, str]:
    """Return that all is well, after the database answered."""
    hub: HubState = request.app.state.hub
    with hub.engine.connect() as connection:
        connection.execute(text("select 1"))
    return {"status": "ok"}
