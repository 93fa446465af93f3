"""The records of one run as one row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hub.moments import rfc3339
from hub.trails.entries import CONTROLLERS, Entry

__all__ = ("BAD", "WORST_FIRST", "run_row", "status_kind")

WORST_FIRST = (
    "not_put_back",
    "internal_error",
    "failed",
    "unreachable",
    "interrupted",
    "refused",
    "usage_error",
    "due",
)
"""How records end that did not end well, the worst first. A word that nobody knows is before all of them."""

BAD = ("not_put_back", "internal_error", "failed", "unreachable")
_MOST_NODES = 8


def status_kind(status: str) -> str:
    """Return the kind of a status: its shape and colour on the page."""
    if status == "ok":
        return "ok"
    if status == "started":
        return "busy"
    return "bad" if status in BAD or status not in WORST_FIRST else "warn"


def run_row(entries: Sequence[Entry], *, head: Entry) -> dict[str, Any]:
    """Return the row of a run. ``head`` is the record where it stands; ``entries`` are all that are known of it."""
    ended = [entry for entry in entries if entry.kind != "started"]
    worst = min(ended or entries, key=lambda entry: _rank(entry.status))
    began = [entry.at for entry in entries if entry.kind == "started"]
    named = _named(entries)
    hosts = sorted({host for entry in entries for host in entry.hosts})
    return {
        "hash": head.hash,
        "run": head.run,
        "at": rfc3339(head.at),
        "began_at": rfc3339(min(began)) if began else None,
        "actor": head.actor,
        "verb": named.verb,
        "target": named.target,
        "status": worst.status,
        "kind": status_kind(worst.status),
        "checked": any(entry.checked for entry in entries),
        "seconds": _seconds(ended),
        "error": next((entry.error for entry in _by_rank(ended) if entry.error), None),
        "nodes": hosts[:_MOST_NODES],
        "more_nodes": max(0, len(hosts) - _MOST_NODES),
        "records": len(entries),
        "controller": any(entry.origin == CONTROLLERS for entry in entries),
        "whole": all(entry.whole for entry in entries),
    }


def _named(entries: Sequence[Entry]) -> Entry:
    """Return the record that names the run: the run's own one, else the first of the records of what it changed."""
    own = [entry for entry in entries if entry.kind in ("started", "finished")]
    return min(own or entries, key=lambda entry: entry.at)


def _rank(status: str) -> int:
    if status in ("ok", "started"):
        return len(WORST_FIRST) + (status == "started")
    return WORST_FIRST.index(status) if status in WORST_FIRST else -1


def _by_rank(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: _rank(entry.status))


def _seconds(ended: Sequence[Entry]) -> float | None:
    """Return how long the run took: as its own record says, else as the longest of its hosts' records says."""
    own = [entry.seconds for entry in ended if entry.kind == "finished" and entry.seconds is not None]
    return max(own or [entry.seconds for entry in ended if entry.seconds is not None], default=None)
