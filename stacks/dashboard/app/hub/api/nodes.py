"""`GET /api/v1/nodes`: the fleet as the hub sees it. The proxy asks for a password before it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from hub.errors import HubError
from hub.moments import rfc3339
from hub.nodes import list_nodes, show_node
from hub.state import HubState

__all__ = ("router",)

router = APIRouter(prefix="/api/v1", tags=["nodes"])


class RefusedBeat(BaseModel):
    """The last beat that was refused after the last accepted one."""

    at: str
    code: str
    message: str


class SilentSite(BaseModel):
    """A site that did not answer: the status of an error of the server, or why there was none."""

    domain: str
    status: int | None
    error: str | None


class SitesAnswer(BaseModel):
    """How many sites of a silent node were asked, how many answered, and which did not."""

    at: str
    asked: int
    answer: int
    silent: list[SilentSite]


class NodeRow(BaseModel):
    """A node. Everything about its freshness is computed when it is asked for."""

    id: str
    hostname: str
    address: str
    provider: str | None
    freshness: str
    received_at: str | None
    age_seconds: float | None
    agent: str | None
    skew_seconds: float | None
    refused: RefusedBeat | None
    sites_answer: SitesAnswer | None


class Nodes(BaseModel):
    """The nodes, and the hub's time."""

    time: str
    nodes: list[NodeRow]


class SectionView(BaseModel):
    """What a node said last of one source. If the source could not be read, the rows are older than the section."""

    status: str
    at: str
    received_at: str
    error: str | None
    failed_since: str | None
    rows_at: str | None
    rows_age_seconds: float | None
    rows: list[dict[str, Any]]


class AttentionView(BaseModel):
    """Something about a node that somebody should look at."""

    kind: str
    since: str
    last_at: str
    times: int
    addresses: list[str]
    text: str


class BreakView(BaseModel):
    """A place where the chain of the node's audit trail breaks."""

    kind: str
    received_at: str
    after: str | None
    hash: str
    text: str


class TrailView(BaseModel):
    """How far the node's audit trail has arrived, how many records are still to come, and why it could not be read."""

    after: str | None
    left: int | None
    error: str | None


class NodeView(NodeRow):
    """A node with all that the hub has of it."""

    time: str
    sections: dict[str, SectionView]
    attention: list[AttentionView]
    audit: TrailView
    audit_breaks: list[BreakView]


@router.get("/nodes", summary="List the nodes")
def nodes(request: Request) -> Nodes:
    """Return every node with how fresh it is."""
    hub: HubState = request.app.state.hub
    at = hub.clock()
    with hub.engine.connect() as connection:
        rows = list_nodes(connection, at=at, answering=hub.answering)
    return Nodes.model_validate({"time": _text(at), "nodes": rows})


@router.get("/nodes/{node}", summary="Show one node")
def one_node(request: Request, node: str) -> NodeView:
    """Return one node with the rows of all its sections."""
    hub: HubState = request.app.state.hub
    at = hub.clock()
    found = None
    if "\0" not in node:
        with hub.engine.connect() as connection:
            found = show_node(connection, node, at=at, answering=hub.answering)
    if found is None:
        raise HubError(404, "not_found", "the hub knows no such node")
    return NodeView.model_validate({"time": _text(at), **found})


def _text(at: datetime) -> str:
    return rfc3339(at) or ""
