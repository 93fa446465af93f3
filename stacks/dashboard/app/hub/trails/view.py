"""The view of the audit page: the runs, where the next page begins, the chains of the writers, and the sources."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import HubError
from hub.moments import rfc3339
from hub.state import HubState
from hub.trails.chains import chains
from hub.trails.find import LOOKED_AT, rows_about
from hub.trails.listing import Listed, list_runs
from hub.trails.record import opened
from hub.trails.runs import run_row
from hub.trails.wanted import STATES, Wanted

__all__ = ("list_view", "record_view")

PATH = "/audit"
_MOST_WORDS = 60
_NO_DATABASE = "no connection, or no answer in time"


def list_view(hub: HubState, wanted: Wanted) -> dict[str, Any]:
    """Return a page of runs. If the database does not answer, it has what Loki has, and says so."""
    trails = hub.trails
    try:
        with hub.engine.connect() as connection:
            listed = list_runs(connection, trails.controllers, wanted)
            known = {"about": rows_about(connection), "chains": chains(connection), "options": _options(connection)}
        trails.database.answered(hub.clock())
    except SQLAlchemyError:
        trails.database.failed(hub.clock(), _NO_DATABASE)
        listed = list_runs(None, trails.controllers, wanted)
        known = {"about": None, "chains": None, "options": {"nodes": [], "actors": [], "verbs": []}}
    return {
        "time": rfc3339(hub.clock()),
        "filters": wanted.filters,
        "before": str(wanted.before) if wanted.before else None,
        "rows": [run_row(run.entries, head=run.head) for run in listed.runs],
        **_places(listed, wanted),
        **known,
        "statuses": list(STATES),
        "days": trails.days,
        "sources": [trails.database.entry(), trails.controllers.entry()],
    }


def record_view(hub: HubState, found: str) -> dict[str, Any]:
    """Return the record of a hash with all that it says, and the other records of its run. HubError 404, 503."""
    trails = hub.trails
    connected = True
    try:
        with hub.engine.connect() as connection:
            view = opened(connection, trails.controllers, found)
        trails.database.answered(hub.clock())
    except SQLAlchemyError:
        connected = False
        trails.database.failed(hub.clock(), _NO_DATABASE)
        view = opened(None, trails.controllers, found)
    if view is None and not connected:
        raise HubError(503, "database", _NO_DATABASE, retry_after=30)
    if view is None:
        raise HubError(404, "not_found", "the hub has no record of this hash")
    return {**view, "time": rfc3339(hub.clock()), "sources": [trails.database.entry(), trails.controllers.entry()]}


def _places(listed: Listed, wanted: Wanted) -> dict[str, Any]:
    looked = listed.looked_until
    return {
        "next": str(listed.next) if listed.next else None,
        "older": wanted.address(PATH, listed.next) if listed.next else None,
        "newest": wanted.address(PATH) if wanted.before else None,
        "looked": {"records": LOOKED_AT, "until": rfc3339(looked.at)} if looked else None,
    }


def _options(connection: Connection) -> dict[str, list[str]]:
    """Return the words that the filters offer."""
    names = connection.scalars(text("select id from node order by id"))
    return {"nodes": list(names), **{f"{name}s": _distinct(connection, name) for name in ("actor", "verb")}}


def _distinct(connection: Connection, column: str) -> list[str]:
    """Return the first values of a column, each by one look into its index: a node may have sent very many."""
    query = f"""
        with recursive word (value) as (
            (select {column} from audit order by {column} limit 1)
            union all
            select (select a.{column} from audit a where a.{column} > w.value order by a.{column} limit 1)
            from word w where w.value is not null
        )
        select value from word where value is not null limit {_MOST_WORDS}
    """  # noqa: S608
    return [word for word in connection.scalars(text(query)) if word]
