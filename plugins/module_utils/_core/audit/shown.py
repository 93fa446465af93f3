# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the runs of a host's own trail, and the records of one run, are shown.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..listing import Listing
from ..run_context import NOT_PUT_BACK, PUT_BACK
from ..words import word
from .query import state_word

__all__ = ("RUNS", "acted_on", "generation_lines", "record_lines", "run_state", "run_time")

_MOST_SITES = 2
_KINDS = ("added", "changed", "removed")
_OUTCOMES = {PUT_BACK: ", rolled back", NOT_PUT_BACK: ", and the rollback failed"}
_PROXY = "proxy"
_LABEL = 12


def run_time(run: Mapping[str, Any]) -> str:
    """Return the time of a run to the second, with a question mark if it cannot be right."""
    return str(run.get("time"))[:19].replace("T", " ") + ("?" if run.get("apart") else "")


def acted_on(run: Mapping[str, Any]) -> str | None:
    """Return the target of a run, or the first sites that it changed and the number of the others."""
    sites = run.get("sites") or ()
    if run.get("target") or not sites:
        return run.get("target")
    more = len(sites) - _MOST_SITES
    shown = ", ".join(map(str, sites[:_MOST_SITES]))
    return f"{shown} +{more}" if more > 0 else shown


def run_state(run: Mapping[str, Any]) -> str:
    """Return how a run ended, as the column of a list says it."""
    found = state_word(str(run.get("status")), changed=bool(run.get("changed")), check=bool(run.get("check")))
    return "under way" if found == "started" else found.replace("_", " ")


RUNS = Listing(
    "runs",
    (
        ("TIME (UTC)", run_time),
        ("ID", lambda run: run.get("id")),
        ("VERB", lambda run: run.get("verb")),
        ("TARGET", acted_on),
        ("STATUS", run_state),
        ("BY", lambda run: run.get("actor")),
    ),
    # The order is that of the trail.
    state=lambda _run: "",
)


def record_lines(payload: Mapping[str, Any]) -> list[str]:
    """Return the lines of the records of one run."""
    lines: list[str] = []
    for record in payload.get("records") or ():
        lines += [f"{label:<{_LABEL}}{word(value)}" for label, value in _facts(record) if value is not None]
        for change in record.get("changes") or ():
            lines += _with_diff("changed", f"{change.get('host')}: {change.get('task')}", change.get("diff"))
        for generation in record.get("generations") or ():
            lines += generation_lines(generation)
    return lines


def _facts(record: Mapping[str, Any]) -> list[tuple[str, Any]]:
    actor, controller = record.get("actor") or {}, record.get("controller") or {}
    return [
        ("id", record.get("id")),
        ("time", record.get("time")),
        ("verb", record.get("verb")),
        ("target", record.get("target")),
        ("status", record.get("status")),
        ("by", f"{actor.get('sudo_user') or actor.get('user')}@{controller.get('name')}"),
        ("error", record.get("error")),
    ]


def generation_lines(change: Mapping[str, Any]) -> list[str]:
    """Return what a transaction did to each site, with its diff, and what was cut from the record."""
    diffs = change.get("diffs") or {}
    moved = _moved(change)
    lines: list[str] = []
    for kind in _KINDS:
        for site in change.get(kind) or ():
            lines += _with_diff("site", f"{_place(change)}{site} {kind}, {moved}", diffs.get(site))
    if _PROXY in diffs:
        lines += _with_diff(_PROXY, f"{_place(change)}its own files, {moved}", diffs[_PROXY])
    left_out = ", ".join(_left_out(change))
    return [*lines, f"{'':<{_LABEL}}  … left out, for the size of the record: {left_out}"] if left_out else lines


def _place(change: Mapping[str, Any]) -> str:
    return f"{change['host']}: " if change.get("host") else ""


def _moved(change: Mapping[str, Any]) -> str:
    before, after = change.get("before"), change.get("after")
    moved = f"generation {before} → {after}" if before != after else f"generation {after} stays"
    if change.get("run"):
        moved += f", begun by the run {change['run']}, which was killed"
    return moved + _OUTCOMES.get(str(change.get("outcome")), "")


def _left_out(change: Mapping[str, Any]) -> Iterator[str]:
    for key, what in (("cut_bytes", "bytes of diffs"), ("cut_diffs", "diffs"), ("cut_sites", "names of sites")):
        if change.get(key):
            yield f"{change[key]} {what}"


def _with_diff(label: str, text: str, diff: object) -> list[str]:
    below = str(diff).splitlines() if diff else []
    return [f"{label:<{_LABEL}}{text}", *(f"{'':<{_LABEL}}  {line}" for line in below)]
