"""The page Domains: the sites of all nodes with routes, password, certificate and the state of what answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.fleet.derived import PageRow
from hub.fleet.kinds import site_shown
from hub.fleet.snapshot import Kept, NodeState
from hub.moments import rfc3339

__all__ = ("SORTS", "site_rows")

SORTS = {
    "name": lambda row: row["name"],
    "node": lambda row: row["node"],
    "tenant": lambda row: row["tenant"] or "",
    "since": lambda row: row["since"] or "",
}
"""The columns that the page can be sorted by."""


def site_rows(state: NodeState) -> Sequence[PageRow]:
    """Return a row for each site of a node."""
    served = {kept.key: kept.body for kept in state.section("served").rows}
    certificates = {kept.key: kept.body for kept in state.section("certificates").rows}
    return [_row(state.id, kept, served.get(kept.key), certificates) for kept in state.section("domains").rows]


def _row(
    node: str, kept: Kept, served: Mapping[str, Any] | None, certificates: Mapping[str, Mapping[str, Any]]
) -> PageRow:
    body = kept.body
    shown = site_shown(body, served)
    routes = [
        {"path": route.get("path"), "container": route.get("container"), "port": route.get("port"),
         "state": route.get("upstream_state")}
        for route in body.get("routes") or ()
    ]  # fmt: skip
    auth = body.get("auth") or {}
    certificate = certificates.get(str(body.get("certificate")))
    aliases = [str(alias) for alias in body.get("aliases") or ()]
    return {
        "id": f"{node}/{kept.key}",
        "is_old": False,
        "kind": shown.kind,
        "word": shown.word,
        "why": shown.why,
        "node": node,
        "name": kept.key,
        "aliases": aliases,
        "tenant": body.get("tenant"),
        "profile": body.get("profile"),
        "routes": routes,
        "auth": {key: auth.get(key) for key in ("paths", "open", "users")},
        "certificate": certificate and {"state": certificate.get("state"), "not_after": certificate.get("not_after")},
        "since": rfc3339(kept.since),
        "changed_at": (body.get("last_change") or {}).get("at"),
        "words": " ".join((kept.key, *aliases, *(str(route["container"]) for route in routes))).lower(),
    }
