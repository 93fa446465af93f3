"""`GET /api/v1/audit`: who changed what on which node, a row for each run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from hub.state import HubState
from hub.trails.models import AuditRecord, AuditRuns
from hub.trails.view import list_view, record_view
from hub.trails.wanted import wanted_of

__all__ = ("router",)

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

_TIME = "RFC 3339, or a date; UTC without a zone"
_Text = Annotated[str | None, Query(max_length=300)]


@router.get("", summary="List runs, newest first")
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
) -> AuditRuns:
    """Return a page of runs that fit all filters, from a place on."""
    hub: HubState = request.app.state.hub
    said = {"actor": actor, "node": node, "verb": verb, "target": target, "status": status, "run": run}
    wanted = wanted_of({**said, "from": since, "to": until, "before": before})
    return AuditRuns.model_validate(list_view(hub, wanted))


@router.get("/{found}", summary="Show a record")
def record(request: Request, found: Annotated[str, Path(pattern="^[0-9a-f]{64}$")]) -> AuditRecord:
    """Return the record of a hash, with its changes and the other records of its run."""
    hub: HubState = request.app.state.hub
    return AuditRecord.model_validate(record_view(hub, found))
