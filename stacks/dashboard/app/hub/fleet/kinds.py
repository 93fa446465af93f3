"""How the state of each thing is shown: a kind, which is a shape and a colour, and a word. The worst kind comes first.

A state that nobody saw is never ``ok``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ("KINDS", "OK", "OLD", "Shown", "container_shown", "order", "site_shown", "worst")

BAD, WARN, SILENT, BUSY, OLD, OK = "bad", "warn", "silent", "busy", "old", "ok"
KINDS = (BAD, WARN, SILENT, BUSY, OLD, OK)
"""All kinds, the worst first."""
_ORDER = {kind: number for number, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class Shown:
    """A state as a page shows it. ``why`` says more if something is wrong."""

    kind: str
    word: str
    why: str | None = None


def order(kind: str) -> int:
    """Return the place of a kind among all kinds: 0 is the worst."""
    return _ORDER[kind]


def worst(kinds: Iterable[str]) -> str:
    """Return the worst of some kinds, ``ok`` for none."""
    return min(kinds, key=order, default=OK)


_CONTAINER = {
    "restarting": Shown(BAD, "restarting"),
    "dead": Shown(BAD, "dead"),
    "paused": Shown(WARN, "paused"),
    "created": Shown(OLD, "created"),
    "removing": Shown(BUSY, "removing"),
}
_HEALTH = {
    "healthy": Shown(OK, "healthy"),
    "unhealthy": Shown(BAD, "unhealthy"),
    "starting": Shown(BUSY, "starting"),
}
_OUT_OF_MEMORY = 137


def container_shown(body: Mapping[str, Any]) -> Shown:
    """Return how a container's state is shown."""
    state = body.get("state") or "unknown"
    if state == "running":
        return _HEALTH.get(body.get("health") or "", Shown(OK, "running"))
    if state == "exited":
        code = body.get("exit_code")
        if not code:
            return Shown(OLD, "stopped")
        return Shown(BAD, f"exit {code}", "killed, perhaps for want of memory" if code == _OUT_OF_MEMORY else None)
    return _CONTAINER.get(state, Shown(OLD, str(state)))


_SITE = {
    "down": Shown(BAD, "down"),
    "invalid": Shown(BAD, "invalid"),
    "warning": Shown(WARN, "warning"),
}


def site_shown(body: Mapping[str, Any], served: Mapping[str, Any] | None) -> Shown:
    """Return how a site's state is shown. It is ``ok`` if its containers run and the proxy answers for its name."""
    problems = [str(problem) for problem in body.get("problems") or ()]
    found = _SITE.get(body.get("state") or "")
    if found is not None:
        return Shown(found.kind, found.word, "; ".join(problems) or None)
    states = [route.get("upstream_state") for route in body.get("routes") or ()]
    if served is None or not states or any(state is None for state in states):
        return Shown(OLD, "not checked")
    if served.get("error"):
        return Shown(BAD, "no answer", f"the proxy gives no certificate: {served['error']}")
    if all(state == "running" for state in states):
        return Shown(OK, "serving")
    return Shown(WARN, "warning", "; ".join(problems) or "a container does not run")
