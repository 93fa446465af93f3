"""The view of the Traffic page: one function for HTML and JSON."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from hub.core import escaped
from hub.errors import HubError
from hub.moments import rfc3339
from hub.state import HubState
from hub.traffic.asked import Asked, checked
from hub.traffic.panels import PANELS, panel_view
from hub.traffic.ranges import NAMES
from hub.traffic.reading import reader_of
from hub.traffic.service import Traffic
from hub.traffic.shared import together

__all__ = ("asked_of", "known_domain", "one_panel", "traffic_view")

_MOST_LIKE = 30


def asked_of(request: Request) -> Asked:
    """Return what a request asks for; HubError 400 names what is wrong."""
    hub: HubState = request.app.state.hub
    return checked(dict(request.query_params), at=hub.clock(), reader=reader_of(request))


async def traffic_view(request: Request, asked: Asked) -> dict[str, Any]:
    """Return the page: the panels of a domain, or the fleet and the domains to choose from."""
    hub: HubState = request.app.state.hub
    traffic = hub.traffic if isinstance(hub.traffic, Traffic) else None
    names, database = await _domains(hub)
    known = asked.domain in names
    panels: dict[str, Any] = {}
    if known and asked.whole:
        found = await together(panel_view(traffic, name, asked) for name in PANELS)
        panels = {view["panel"]: view for view in found}
    return {
        "time": rfc3339(hub.clock()),
        "domain": asked.domain if known else None,
        "unknown": None if known or not asked.domain else escaped(asked.domain),
        "like": [] if known else _like(names, asked.domain),
        "domains": len(names),
        "range": asked.range.as_json(),
        "ranges": list(NAMES),
        "search": {"q": asked.q, "status": asked.status, "method": asked.method},
        "parameters": asked.parameters(),
        "panels": panels,
        "fleet": traffic.fleet() if traffic and not known else None,
        "sources": [hub.traffic.state(), database],
    }


async def one_panel(request: Request, name: str, asked: Asked) -> dict[str, Any]:
    """Return one panel of a domain that the hub knows; HubError 404 for another domain or panel."""
    hub: HubState = request.app.state.hub
    if name not in PANELS:
        raise HubError(404, "not_found", f"one of the panels {', '.join(PANELS)}", "panel")
    await known_domain(request, asked)
    return await panel_view(hub.traffic if isinstance(hub.traffic, Traffic) else None, name, asked)


async def known_domain(request: Request, asked: Asked) -> None:
    """Raise HubError 404 if the hub does not know the domain."""
    names, _database = await _domains(request.app.state.hub)
    if asked.domain not in names:
        raise HubError(404, "not_found", "the hub knows no such domain", "domain")


async def _domains(hub: HubState) -> tuple[frozenset[str], dict[str, Any]]:
    """Return the domains that the hub knows, and the state of the database that they are from."""
    fleet = await run_in_threadpool(hub.fleet.recent)
    source = dict(fleet.source)
    # The time of a read that worked says nothing about the traffic, and would make each refresh a new page.
    if source["state"] == "ok":
        source["at"] = None
    return frozenset(row["name"] for row in fleet.rows["domains"]), source


def _like(names: frozenset[str], text: str) -> list[str]:
    wanted = text.lower()
    return sorted(name for name in names if wanted in name)[:_MOST_LIKE]
