"""What the hub knows of the nodes. How fresh it is, is computed when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from hub.answering import MOST_SITES, Answering
from hub.core import SILENT
from hub.moments import age, freshness, rfc3339
from hub.tables import SECTION_TABLES, attention, audit_break, node, section

__all__ = ("attention_rows", "list_nodes", "node_row", "of_time", "show_node", "silent_nodes")


def list_nodes(connection: Connection, *, at: datetime, answering: Answering) -> list[dict[str, Any]]:
    """Return a row for each node, by name."""
    rows = connection.execute(select(node).order_by(node.c.id))
    return [node_row(entry, at, answering) for entry in rows]


def show_node(connection: Connection, name: str, *, at: datetime, answering: Answering) -> dict[str, Any] | None:
    """Return one node with its sections and what needs attention; None if the hub does not know it."""
    found = connection.execute(select(node).where(node.c.id == name)).one_or_none()
    if found is None:
        return None
    kept = connection.execute(select(section).where(section.c.node == name).order_by(section.c.name)).all()
    notes = attention_rows(connection, select(attention).where(attention.c.node == name).order_by(attention.c.kind))
    breaks = select(audit_break).where(audit_break.c.node == name).order_by(audit_break.c.number)
    return {
        **node_row(found, at, answering),
        "sections": {entry.name: _section(connection, entry, at) for entry in kept},
        "attention": notes.get(name, []),
        "audit": {"after": found.audit_after, "left": found.audit_left, "error": found.audit_error},
        "audit_breaks": [_break(entry) for entry in connection.execute(breaks)],
    }


def silent_nodes(connection: Connection, *, at: datetime) -> Mapping[str, tuple[str, list[str]]]:
    """Return the address and the first domains of each silent node."""
    domains = SECTION_TABLES["domains"]
    found = {}
    for entry in connection.execute(select(node)):
        if freshness(entry.received_at, at) == SILENT:
            names = select(domains.c.key).where(domains.c.node == entry.id).order_by(domains.c.key).limit(MOST_SITES)
            found[entry.id] = (entry.address, list(connection.scalars(names)))
    return found


def attention_rows(connection: Connection, query: Select[Any]) -> dict[str, list[dict[str, Any]]]:
    """Return what needs attention, by node."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in connection.execute(query):
        found.setdefault(entry.node, []).append(_attention(entry))
    return found


def node_row(entry: Row[Any], at: datetime, answering: Answering) -> dict[str, Any]:
    """Return a node as `/api/v1/nodes` shows it."""
    refused = None
    if entry.refused_at is not None:
        refused = {"at": rfc3339(entry.refused_at), "code": entry.refused_code, "message": entry.refused_text}
    return {
        "id": entry.id,
        "hostname": entry.hostname,
        "address": entry.address,
        "provider": entry.provider,
        "received_at": rfc3339(entry.received_at),
        "agent": entry.agent,
        "skew_seconds": entry.skew_seconds,
        "refused": refused,
        **of_time(entry.id, entry.received_at, at, answering),
    }


def of_time(name: str, received_at: datetime | None, at: datetime, answering: Answering) -> dict[str, Any]:
    """Return what of a node's row changes with the time alone."""
    fresh = freshness(received_at, at)
    return {
        "freshness": fresh,
        "age_seconds": age(received_at, at),
        # An answer from before the node came back says nothing any more.
        "sites_answer": answering.of(name) if fresh == SILENT else None,
    }


def _section(connection: Connection, entry: Row[Any], at: datetime) -> dict[str, Any]:
    table = SECTION_TABLES[entry.name]
    rows = connection.execute(select(table).where(table.c.node == entry.node).order_by(table.c.key))
    return {
        "status": entry.status,
        "at": rfc3339(entry.at),
        "received_at": rfc3339(entry.received_at),
        "error": entry.error,
        "failed_since": rfc3339(entry.failed_since),
        "rows_at": rfc3339(entry.rows_at),
        "rows_age_seconds": age(entry.rows_received_at, at),
        "rows": [{**row.body, "since": rfc3339(row.since)} for row in rows],
    }


def _attention(entry: Row[Any]) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "since": rfc3339(entry.since),
        "last_at": rfc3339(entry.last_at),
        "times": entry.times,
        "addresses": list(entry.addresses),
        "text": entry.text,
    }


def _break(entry: Row[Any]) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "received_at": rfc3339(entry.received_at),
        "after": entry.after,
        "hash": entry.hash,
        "text": entry.text,
    }
