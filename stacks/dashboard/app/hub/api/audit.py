"""`GET /audit` and its JSON twins: who changed what on which node, a row for each run."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from hub.errors import HubError
from hub.state import HubState
from hub.trails.models import AuditRecord, AuditRuns
from hub.trails.view import list_view, record_view
from hub.trails.wanted import wanted_of
from hub.web.frame import show

__all__ = ("router",)

router = APIRouter(tags=["audit"])

_HASH = re.compile(r"[0-9a-f]{64}")
_TIME = "RFC 3339, or a date; UTC without a zone"
_Text = Annotated[str | None, Query(max_length=300)]


def _hub(request: Request) -> HubState:
    found: HubState = request.app.state.hub
    return found


def _list(request: Request) -> dict[str, Any]:
    return list_view(_hub(request), wanted_of(request.query_params))


def _record(request: Request, found: str) -> dict[str, Any]:
    if not _HASH.fullmatch(found):
        raise HubError(404, "not_found", "the address of a record ends with its hash, 64 hexadecimal digits")
    return record_view(_hub(request), found)


@router.get("/audit", include_in_schema=False)
def runs_page(request: Request) -> Response:
    """Show a page of runs."""
    return show(request, _hub(request), here="audit", title="Audit", template="audit.html", view=_list(request))


@router.get("/audit/{found}", include_in_schema=False)
def record_page(request: Request, found: str) -> Response:
    """Show a record; the list loads the same page into the row that is opened."""
    view = _record(request, found)
    title = f"{view['run']['verb']} {view['run']['target'] or ''}".strip() or "Record"
    return show(request, _hub(request), here="audit", title=title, template="audit_record.html", view=view)


@router.get("/api/v1/audit", summary="List runs, newest first", response_model=AuditRuns)
def runs(
    request: Request,
    actor: _Text = None,
    node: _Text = None,
    verb: _Text = None,
    target: _Text = None,
    status: Annotated[str | None, Query(description="`not_ok`, or one of the words for the end of a run")] = None,
    run: _Text = None,
    since: Annotated[str | None, Query(alias="from", description=_TIME)] = None,
    until: Annotated[str | None, Query(alias="to", description=_TIME)] = None,
    before: Annotated[str | None, Query(description="`next` of the page before")] = None,
) -> dict[str, Any]:
    """Return a page of runs that fit all filters, from a place on."""
    # They are named for the description of the API; the page reads them in the same way.
    del actor, node, verb, target, status, run, since, until, before
    return _list(request)


@router.get("/api/v1/audit/{found}", summary="Show a record", response_model=AuditRecord)
def record(request: Request, found: str) -> dict[str, Any]:
    """Return the record of a hash, with its changes and the other records of its run."""
    return _record(request, found)
