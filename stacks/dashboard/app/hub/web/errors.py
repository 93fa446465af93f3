"""An error as a page, for a reader with a browser. Programs get the same error as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from hub.errors import HubError
from hub.moments import rfc3339
from hub.web.frame import show
from hub.web.negotiate import wants_json

if TYPE_CHECKING:
    from hub.state import HubState

__all__ = ("error_page", "is_page")

_TITLES = {400: "Not possible", 404: "Not found", 405: "Not possible"}
_NOT_PAGES = ("/api/", "/static/", "/healthz")


def is_page(request: Request) -> bool:
    """Say whether a browser asks for a page."""
    accept = request.headers.get("accept", "")
    return "text/html" in accept and not request.url.path.startswith(_NOT_PAGES) and not wants_json(accept)


def error_page(request: Request, hub: HubState, error: HubError) -> Response:
    """Return an error as a page with its status."""
    view = {"time": rfc3339(hub.clock()), "sources": [], "error": error.as_json()["error"]}
    title = _TITLES.get(error.status, "An error")
    return show(request, hub, here="", title=title, template="error.html", view=view, status=error.status)
