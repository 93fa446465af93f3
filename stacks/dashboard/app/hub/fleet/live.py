"""The containers of the hub's own host as the engine says now, in the rows that its agent sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hub.fleet.kinds import container_shown, order
from hub.moments import rfc3339

__all__ = ("hub_node", "with_live")


def hub_node(rows: Sequence[Mapping[str, Any]], live: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the node whose containers the engine of the hub lists, None if no node has one of them.

    The ids of containers are random, so those of two hosts are never the same.
    """
    known = {str(row["container"]): str(row["node"]) for row in rows}
    found = [known[str(entry["id"])] for entry in live if str(entry["id"]) in known]
    return max(set(found), key=found.count) if found else None


def with_live(
    rows: Sequence[Mapping[str, Any]], live: Sequence[Mapping[str, Any]], *, at: datetime
) -> list[Mapping[str, Any]]:
    """Return the rows with the present state of the containers of the hub's host.

    A container that the agent has not seen yet is there, and one that is gone is not. What the engine's list lacks,
    such as restarts and limits, is as the agent sent it; it is null for a new container.
    """
    node = hub_node(rows, live)
    if node is None:
        return list(rows)
    before = {str(row["container"]): row for row in rows if row["node"] == node}
    found = [row for row in rows if row["node"] != node]
    for entry in live:
        row = before.get(str(entry["id"]))
        found.append(_changed(row, entry, at) if row is not None else _new(node, entry, at))
    return [_placed(row) for row in found]


def _placed(row: Mapping[str, Any]) -> Mapping[str, Any]:
    place = (order(row["kind"]), row["name"], row["node"])
    return row if row.get("place") == place else {**row, "place": place}


def _changed(row: Mapping[str, Any], entry: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    shown = container_shown(entry)
    if shown.word == row["word"] and not row["is_old"]:
        return row
    now = {"kind": shown.kind, "word": shown.word, "why": shown.why, "is_old": False}
    # Since when the engine's list does not say; the next beat does.
    return {**row, **now, "since": rfc3339(at.replace(second=0, microsecond=0))}


def _new(node: str, entry: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    shown, name = container_shown(entry), str(entry.get("name") or str(entry["id"])[:12])
    words = " ".join((name, str(entry.get("image")))).lower()
    return {
        "id": f"{node}/{entry['id']}",
        "is_old": False,
        "kind": shown.kind,
        "word": shown.word,
        "why": shown.why,
        "node": node,
        "name": name,
        "image": entry.get("image"),
        "stack": None,
        "service": None,
        "tenant": None,
        "restarts": None,
        "memory_limit_bytes": None,
        "sites": [],
        "since": rfc3339(at.replace(second=0, microsecond=0)),
        "words": words,
        "container": str(entry["id"]),
    }
