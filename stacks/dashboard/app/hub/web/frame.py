"""The frame of every page: navigation, the time of what is shown, sources, and the two forms HTML and JSON.

A page is made of a *view*: a JSON-able mapping, which is the page's JSON as it is. A view holds no text that changes
by itself, such as an age, so two equal views are two equal pages, and a refresh of an equal page has no body.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hub.core import VERSION
from hub.fleet.attention import counted_by_page
from hub.web.assets import OWN, Assets, read_assets
from hub.web.negotiate import wants_json
from hub.web.templating import environment

if TYPE_CHECKING:
    from hub.state import HubState

__all__ = ("PAGES", "Frame", "show")

PAGES = (
    ("overview", "Overview", "gauge", "/"),
    ("containers", "Containers", "boxes", "/containers"),
    ("domains", "Domains", "globe", "/domains"),
    ("certificates", "Certificates", "shield-check", "/certificates"),
    ("traffic", "Traffic", "activity", "/traffic"),
    ("audit", "Audit", "scroll-text", "/audit"),
    ("vps", "VPS", "server", "/vps"),
)
"""The pages: name, title, icon and address."""

TIME_HEADER, DIGEST_HEADER = "X-VSA-Time", "X-VSA-Digest"


@dataclass(frozen=True)
class Frame:
    """The templates and the files of a hub."""

    assets: Assets
    environment: Any

    @classmethod
    def of(cls, folder: Any = None) -> Frame:
        """Return the frame with the files of other projects in a folder."""
        assets = read_assets((OWN, folder) if folder else (OWN,))
        return cls(assets, environment(assets))


def show(
    request: Request,
    hub: HubState,
    *,
    here: str,
    title: str,
    template: str,
    view: Mapping[str, Any],
    status: int = 200,
) -> Response:
    """Return a view as the client wants it: JSON, HTML, or nothing if a refresh finds it unchanged.

    ``view["time"]`` is when it was read; ``view["sources"]`` are its sources. This may ask the database.
    """
    headers = {"Vary": "Accept"}
    if wants_json(request.headers.get("accept", "")):
        return JSONResponse(view, status_code=status, headers=headers)
    fleet = hub.fleet.recent()
    counts = counted_by_page(fleet.items)
    digest = _digest(view, counts)
    if request.headers.get("hx-request") and request.headers.get(DIGEST_HEADER) == digest:
        return Response(status_code=204, headers={**headers, TIME_HEADER: str(view.get("time") or "")})
    page = hub.frame.environment.get_template(template).render(
        view=view,
        here=here,
        title=title,
        pages=PAGES,
        paths={name: path for name, _title, _icon, path in PAGES},
        counts=counts,
        nodes=len(fleet.snapshot.nodes),
        digest=digest,
        version=VERSION,
        address=_address(request),
        query=dict(request.query_params),
    )
    return Response(page, status_code=status, media_type="text/html", headers=headers)


def _digest(view: Mapping[str, Any], counts: Mapping[str, Any]) -> str:
    said = {name: value for name, value in view.items() if name != "time"}
    text = json.dumps([said, counts, VERSION], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _address(request: Request) -> str:
    """Return path and query of a request, as a link to the same page."""
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
