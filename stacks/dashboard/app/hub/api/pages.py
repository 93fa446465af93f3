"""The pages of the fleet and their JSON twins, both made by one function. The proxy asks for a password before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from hub.api.views import MODELS
from hub.fleet import certificates, containers, domains
from hub.fleet.lists import question_of
from hub.fleet.live import with_live
from hub.fleet.overview import overview_view, with_nodes
from hub.fleet.views import certificates_view, containers_view, domains_view, search_view, vps_view
from hub.state import HubState
from hub.web.frame import show

__all__ = ("router",)

router = APIRouter(tags=["pages"])


def _hub(request: Request) -> HubState:
    found: HubState = request.app.state.hub
    return found


def _values(request: Request) -> Mapping[str, str]:
    return dict(request.query_params)


def _overview(hub: HubState) -> dict[str, Any]:
    fleet, traffic, operations = hub.fleet.view(), hub.traffic.overview(), hub.operations()
    busiest = with_nodes(traffic["busiest"], fleet.rows["domains"])
    return overview_view(
        fleet,
        traffic={**traffic, "busiest": busiest},
        operations=operations.last,
        counted=operations.counted,
        sources=hub.sources(),
    )


def _containers(hub: HubState, values: Mapping[str, str]) -> dict[str, Any]:
    question = question_of(values, sorts=("state", *containers.SORTS))
    live = hub.docker.live_containers()
    rows = live.rows
    now = (lambda found: with_live(found, rows, at=hub.clock())) if rows is not None else None
    return containers_view(hub.fleet.view(), question, live=now, sources=[live.entry()])


def _domains(hub: HubState, values: Mapping[str, str]) -> dict[str, Any]:
    question = question_of(values, sorts=("state", *domains.SORTS), more=("tenant",))
    return domains_view(hub.fleet.view(), question, requests=hub.traffic.requests_of, sources=hub.sources())


def _certificates(hub: HubState, values: Mapping[str, str]) -> dict[str, Any]:
    question = question_of(values, sorts=("state", *certificates.SORTS), more=("issuer",))
    return certificates_view(hub.fleet.view(), question)


def _vps(hub: HubState, values: Mapping[str, str]) -> dict[str, Any]:
    question = question_of(values, sorts=())
    return vps_view(hub.fleet.view(), q=question.q, node=question.node)


def _search(hub: HubState, values: Mapping[str, str]) -> dict[str, Any]:
    return search_view(hub.fleet.view(), question_of(values, sorts=()).q)


Make = Callable[[HubState, Mapping[str, str]], dict[str, Any]]

_PAGES: Mapping[str, tuple[str, str, Make]] = {
    "overview": ("Overview", "/", lambda hub, _values: _overview(hub)),
    "containers": ("Containers", "/containers", _containers),
    "domains": ("Domains", "/domains", _domains),
    "certificates": ("Certificates", "/certificates", _certificates),
    "vps": ("VPS", "/vps", _vps),
    "search": ("Search", "/search", _search),
}


def _page(name: str) -> Callable[[Request], Response]:
    title, _path, make = _PAGES[name]

    def page(request: Request) -> Response:
        hub = _hub(request)
        view = make(hub, _values(request))
        return show(request, hub, here=name, title=title, template=f"{name}.html", view=view)

    return page


def _twin(name: str) -> Callable[[Request], dict[str, Any]]:
    make = _PAGES[name][2]

    def twin(request: Request) -> dict[str, Any]:
        return make(_hub(request), _values(request))

    return twin


def _described(names: tuple[str, ...]) -> dict[str, Any]:
    """Return the parameters of a list for the description of the API."""
    schema = {"type": "string", "maxLength": 253}
    return {"parameters": [{"name": name, "in": "query", "required": False, "schema": schema} for name in names]}


_LIST = ("q", "state", "node", "sort", "page")
_PARAMETERS = {
    "overview": (),
    "containers": _LIST,
    "domains": (*_LIST, "tenant"),
    "certificates": (*_LIST, "issuer"),
    "vps": ("q", "node"),
    "search": ("q",),
}
for _name, (_title, _path, _make) in _PAGES.items():
    router.add_api_route(_path, _page(_name), include_in_schema=False)
    router.add_api_route(
        f"/api/v1/{_name}",
        _twin(_name),
        summary=f"The page {_title}",
        operation_id=_name,
        response_model=MODELS[_name],
        openapi_extra=_described(_PARAMETERS[_name]),
    )


@router.get("/static/{mark}/{name}", include_in_schema=False)
def static(request: Request, mark: str, name: str) -> Response:
    """Return a file of the pages. The mark only makes the address new if a file changes."""
    del mark
    return _hub(request).frame.assets.answer(request, name)
