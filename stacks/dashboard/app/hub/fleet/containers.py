"""The page Containers: the containers of all nodes, from the last beat of each, and of the hub's host live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.fleet.derived import PageRow
from hub.fleet.kinds import container_shown
from hub.fleet.snapshot import NodeState
from hub.moments import rfc3339

__all__ = ("SORTS", "container_rows", "with_usage")

SORTS = {
    "name": lambda row: row["name"],
    "node": lambda row: row["node"],
    "image": lambda row: row["image"] or "",
    "restarts": lambda row: row["restarts"] or 0,
    "since": lambda row: row["since"] or "",
}
"""The columns that the page can be sorted by."""


def container_rows(state: NodeState) -> Sequence[PageRow]:
    """Return a row for each container of a node."""
    used_by = _sites_by_container(state)
    return [_row(state.id, kept.key, kept.since, kept.body, used_by) for kept in state.section("containers").rows]


def _row(node: str, key: str, since: Any, body: Mapping[str, Any], used_by: Mapping[str, list[str]]) -> PageRow:
    shown, name = container_shown(body), str(body.get("name") or key[:12])
    sites = used_by.get(name, [])
    return {
        "id": f"{node}/{key}",
        "is_old": False,
        "kind": shown.kind,
        "word": shown.word,
        "why": shown.why,
        "node": node,
        "name": name,
        "image": body.get("image"),
        "stack": body.get("stack"),
        "service": body.get("service"),
        "tenant": body.get("tenant"),
        "restarts": body.get("restarts"),
        "memory_limit_bytes": body.get("memory_limit_bytes"),
        "sites": sites,
        "since": rfc3339(since),
        "words": " ".join((name, str(body.get("image")), str(body.get("stack")), *sites)).lower(),
        "container": key,
    }


def _sites_by_container(state: NodeState) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kept in state.section("domains").rows:
        for route in kept.body.get("routes") or ():
            sites = found.setdefault(str(route.get("container")), [])
            if kept.key not in sites:
                sites.append(kept.key)
    return found


def with_usage(rows: Sequence[Mapping[str, Any]], states: Mapping[str, NodeState]) -> list[dict[str, Any]]:
    """Return the rows of one page with the memory in use, which changes with each beat."""
    usage: dict[str, Mapping[str, Mapping[str, Any]]] = {}
    found = []
    for row in rows:
        node = str(row["node"])
        if node not in usage:
            usage[node] = {kept.key: kept.body for kept in states[node].section("usage").rows}
        used = usage[node].get(str(row["container"]), {}).get("memory_bytes")
        found.append({**row, "memory_bytes": used})
    return found
