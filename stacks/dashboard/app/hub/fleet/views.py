"""The views of the pages that show the fleet. Page and JSON are both made of what these functions return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hub.fleet import certificates, containers, domains
from hub.fleet.fleet import FleetView
from hub.fleet.lists import Listing, Question, listed
from hub.fleet.machines import sources_of, with_sections
from hub.moments import rfc3339

__all__ = ("certificates_view", "containers_view", "domains_view", "search_view", "vps_view")

_SILENT = ("silent", "Node silent")
_CONTAINER_WORDS = (
    ("bad", "Failing"),
    ("warn", "Paused"),
    ("busy", "Starting"),
    ("ok", "Good"),
    ("old", "Stopped"),
    _SILENT,
)
_SITE_WORDS = (("bad", "Down"), ("warn", "Warning"), ("ok", "Serving"), ("old", "Not checked"), _SILENT)
_CERTIFICATE_WORDS = (
    ("bad", "Wrong"),
    ("warn", "Due"),
    ("busy", "Renewing"),
    ("ok", "Good"),
    ("old", "Not checked"),
    _SILENT,
)
# The most rows of each group that a search shows.
_MOST_FOUND = 20


def _listing(view: FleetView, listing: Listing, question: Question, *, words: Sequence[Any]) -> dict[str, Any]:
    """Return what all lists have in common; ``rows`` are those of the page."""
    return {
        "time": rfc3339(view.snapshot.at),
        "words": words,
        "list": {
            "rows": [_without_search(row) for row in listing.rows],
            "total": listing.total,
            "all": sum(listing.counts.values()),
            "counts": dict(listing.counts),
            "nodes": list(listing.nodes),
            "page": min(question.page, listing.pages),
            "pages": listing.pages,
        },
    }


def _listed(view: FleetView, name: str, question: Question, sorts: Mapping[str, Any]) -> Listing:
    """Return the rows that a question asks for. The same question on the same rows is answered from memory."""
    found: Listing = view.remembered(f"{name} {question}", lambda: listed(view.rows[name], question, sorts=sorts))
    return found


def _choices(view: FleetView, name: str, field: str) -> list[str]:
    """Return the values that a field has, for a filter."""
    made: list[str] = view.remembered(
        f"{name}/{field}", lambda: sorted({str(row[field]) for row in view.rows[name] if row[field]})
    )
    return made


def _without_search(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("words", "place")}


def _sources(view: FleetView, sections: Sequence[str]) -> list[dict[str, Any]]:
    return [view.source, *sources_of(view.snapshot.nodes, sections)]


def containers_view(
    view: FleetView,
    question: Question,
    *,
    live: Callable[[Sequence[Mapping[str, Any]]], Sequence[Mapping[str, Any]]] | None = None,
    sources: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the page Containers. ``live`` puts what the engine says now into the rows of the hub's own host."""
    rows = view.rows["containers"]
    if live:
        listing = listed(live(rows), question, sorts=containers.SORTS)
    else:
        listing = _listed(view, "containers", question, containers.SORTS)
    found = _listing(view, listing, question, words=_CONTAINER_WORDS)
    found["list"]["rows"] = containers.with_usage(found["list"]["rows"], view.states)
    return {**found, "sources": [*_sources(view, ("containers", "usage")), *sources]}


def domains_view(
    view: FleetView, question: Question, *, requests: Callable[[str], int | None], sources: Sequence[Any] = ()
) -> dict[str, Any]:
    """Return the page Domains. ``requests`` gives the requests of a domain in the last hour, None if nobody knows."""
    listing = _listed(view, "domains", question, domains.SORTS)
    found = _listing(view, listing, question, words=_SITE_WORDS)
    for row in found["list"]["rows"]:
        row["requests"] = requests(str(row["name"]))
    return {
        **found,
        "tenants": _choices(view, "domains", "tenant"),
        "sources": [*_sources(view, ("domains", "served")), *sources],
    }


def certificates_view(view: FleetView, question: Question) -> dict[str, Any]:
    """Return the page Certificates."""
    listing = _listed(view, "certificates", question, certificates.SORTS)
    found = _listing(view, listing, question, words=_CERTIFICATE_WORDS)
    found["list"]["rows"] = [certificates.with_rest(row, view.snapshot.at) for row in found["list"]["rows"]]
    return {
        **found,
        "issuers": _choices(view, "certificates", "issuer"),
        "sources": _sources(view, ("certificates", "served")),
    }


def vps_view(view: FleetView, *, q: str, node: str | None) -> dict[str, Any]:
    """Return the page VPS."""
    states = view.states
    rows = [with_sections(row, states[row["id"]]) for row in view.machines if _is_asked(row, q=q, node=node)]
    return {"time": rfc3339(view.snapshot.at), "nodes": rows, "sources": _sources(view, ("node", "figures"))}


def _is_asked(row: Mapping[str, Any], *, q: str, node: str | None) -> bool:
    if node is not None and row["id"] != node:
        return False
    words = (row["id"], row["hostname"], row["address"], row["provider"] or "", *row["addresses"])
    return not q or q in " ".join(words).lower()


def search_view(view: FleetView, q: str) -> dict[str, Any]:
    """Return what has a text in its name, among domains, containers and nodes."""
    groups = []
    for name, path in (("domains", "/domains"), ("containers", "/containers")):
        rows = [row for row in view.rows[name] if q in row["words"]] if q else []
        rows.sort(key=lambda row: (not row["name"].lower().startswith(q), row["name"], row["node"]))
        found = [
            {
                "name": row["name"],
                "node": row["node"],
                "kind": row["kind"],
                "word": row["word"],
                "path": path,
                "query": {"q": row["name"], "node": row["node"]},
            }
            for row in rows[:_MOST_FOUND]
        ]
        groups.append({"name": name.capitalize(), "total": len(rows), "rows": found})
    nodes = vps_view(view, q=q, node=None)["nodes"] if q else []
    found = [
        {
            "name": row["id"],
            "node": row["provider"] or "",
            "kind": row["kind"],
            "word": row["word"],
            "path": "/vps",
            "query": {"node": row["id"]},
        }
        for row in nodes[:_MOST_FOUND]
    ]
    groups.append({"name": "Nodes", "total": len(nodes), "rows": found})
    return {"time": rfc3339(view.snapshot.at), "groups": groups, "sources": _sources(view, ())}
