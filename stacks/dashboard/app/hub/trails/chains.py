"""Whether the chain of each node's trail is whole, as far as it has arrived, and where it breaks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from hub.moments import rfc3339

__all__ = ("chains",)

_BREAKS = 5
_QUERY = text(f"""
    select n.id, n.audit_after, n.audit_left, n.audit_error, first.received_at as since,
        b.kind, b.received_at as break_at, b.hash, b.text
    from node n
    left join lateral (
        select f.received_at from audit_break f where f.node = n.id order by f.received_at limit 1
    ) first on true
    left join lateral (
        select k.* from audit_break k where k.node = n.id order by k.number desc limit {_BREAKS + 1}
    ) b on true
    order by n.id, b.number desc
""")  # noqa: S608


def chains(connection: Connection) -> list[dict[str, Any]]:
    """Return the state of each node's chain with its newest breaks; a node that never sent a record has none.

    ``state`` is whole, broken, unread (the node cannot read its trail) or none.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in connection.execute(_QUERY):
        entry = found.setdefault(
            row.id,
            {
                "writer": row.id,
                "state": "broken" if row.since else _state(row.audit_after, row.audit_error),
                "since": rfc3339(row.since),
                "left": row.audit_left or 0,
                "error": row.audit_error,
                "breaks": [],
                "more": False,
            },
        )
        if row.kind is None:
            continue
        if len(entry["breaks"]) == _BREAKS:
            entry["more"] = True
        else:
            told = {"kind": row.kind, "at": rfc3339(row.break_at), "hash": row.hash, "text": row.text}
            entry["breaks"].append(told)
    return list(found.values())


def _state(after: str | None, error: str | None) -> str:
    if error:
        return "unread"
    return "whole" if after else "none"
