"""The page Overview: what needs attention, the fleet in figures, traffic, the last operations, and the nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hub.fleet.fleet import FleetView
from hub.fleet.machines import sources_of
from hub.moments import rfc3339
from hub.traffic.source import NOT_SET_UP

__all__ = ("NoTraffic", "overview_view", "with_nodes")

# So many items are shown; the pages have all of them.
_MOST_ITEMS = 8
_SILENT = ("silent", "on silent nodes")
_STATES = {
    "containers": (
        ("ok", "good"),
        ("bad", "failing"),
        ("warn", "paused"),
        ("busy", "starting"),
        ("old", "stopped"),
        _SILENT,
    ),
    "domains": (("ok", "serving"), ("bad", "down"), ("warn", "warning"), ("old", "not checked"), _SILENT),
    "certificates": (
        ("ok", "good"),
        ("bad", "wrong"),
        ("warn", "due"),
        ("busy", "renewing"),
        ("old", "not checked"),
        _SILENT,
    ),
}
_TITLES = {"containers": "Containers", "domains": "Sites", "certificates": "Certificates"}
_ORDER = ("domains", "containers", "certificates")


class NoTraffic:
    """A hub without Loki: no figure is known."""

    def overview(self) -> Mapping[str, Any]:
        """Return no figures."""
        nothing: dict[str, Any] = {"good": [], "client_errors": [], "server_errors": [], "labels": []}
        return {**nothing, "busiest": [], "total": None, "per_second": None, "day": None, "summary": "no data"}

    def requests_of(self, _domain: str) -> int | None:
        """Return nothing: nobody counted."""
        return None

    def state(self) -> dict[str, Any]:
        """Return the entry of a page's list of sources."""
        return dict(NOT_SET_UP)


def with_nodes(busiest: Sequence[Mapping[str, Any]], domains: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the busiest domains with their nodes. A domain that no node reports has none."""
    wanted = {row["domain"] for row in busiest}
    nodes = {row["name"]: row["node"] for row in domains if row["name"] in wanted} if wanted else {}
    return [{**row, "node": nodes.get(row["domain"])} for row in busiest]


def overview_view(
    view: FleetView,
    *,
    traffic: Mapping[str, Any],
    operations: Sequence[Mapping[str, Any]],
    counted: Mapping[str, Any] | None,
    sources: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the page. ``counted`` are the operations of the last 24 h, None if they are not known."""
    machines = view.machines
    return {
        "time": rfc3339(view.snapshot.at),
        "attention": [item.as_json() for item in view.items[:_MOST_ITEMS]],
        "attention_total": len(view.items),
        "tiles": [_nodes_tile(machines), *(_tile(name, view) for name in _ORDER),
                  _traffic_tile(traffic), _operations_tile(counted)],
        "traffic": traffic,
        "operations": list(operations),
        "nodes": [{**_short(row), "disk": _fullest(row["disks"])} for row in machines],
        "sources": [view.source, *sources, *sources_of(view.snapshot.nodes, ())],
    }  # fmt: skip


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "kind", "word", "provider", "received_at", "health", "load", "memory")
    return {name: row[name] for name in names}


def _fullest(disks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return max(disks, key=lambda disk: float(disk["part"]), default=None)


def _nodes_tile(machines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counted = Counter((row["kind"], row["word"]) for row in machines)
    parts = [[kind, number, word] for (kind, word), number in sorted(counted.items(), key=lambda entry: -entry[1])]
    return _made("Nodes", len(machines), parts, "/vps")


def _tile(name: str, view: FleetView) -> dict[str, Any]:
    counted = view.remembered(f"kinds of {name}", lambda: Counter(row["kind"] for row in view.rows[name]))
    parts = [[kind, counted[kind], word] for kind, word in _STATES[name] if counted[kind]]
    return _made(_TITLES[name], len(view.rows[name]), parts, f"/{name}")


def _traffic_tile(traffic: Mapping[str, Any]) -> dict[str, Any]:
    parts: list[list[Any]] = []
    if traffic["per_second"] is not None:
        parts.append([None, f"{traffic['per_second']:.1f}", "/s now"])
    return _made("Requests, 24 h", traffic["total"], parts, "/traffic", traffic.get("day"), "t1")


def _operations_tile(counted: Mapping[str, Any] | None) -> dict[str, Any]:
    if counted is None:
        return _made("Operations, 24 h", None, [], "/audit")
    return _made("Operations, 24 h", counted["total"], counted["parts"], "/audit", counted["hours"], "t2")


def _made(
    name: str, value: int | None, parts: Sequence[Any], path: str, series: Sequence[Any] | None = None, line: str = ""
) -> dict[str, Any]:
    return {"name": name, "value": value, "parts": list(parts), "path": path, "series": series, "line": line}
