# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent of this host does: its hub, its last beats, its backlog, and its units.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..._core.agent.answer import is_older
from ..._core.agent.freshness import FRESH, FRESH_SECONDS, LATE, NEVER
from ..._core.agent.token import node_of_token
from ..._core.errors import RefusedError
from ..._core.result import Result
from ..._core.version import VERSION
from ..machine.files import read_text
from ..machine.programs import output_of
from ..machine.systemd import read_unit
from .clock import Clock
from .places import COLLECT, SEND, TIMER, AgentPlaces
from .sender.state import read_state

__all__ = ("show_agent",)

NONE, STOPPED = "not registered", "stopped"

_SKEW_SECONDS = 60


def show_agent(*, root: str = "/", clock: Clock | None = None) -> Result:
    """Return the result of the module ``agent_info``."""
    places, clock = AgentPlaces(root), clock or Clock()
    if not places.registered:
        return Result(data={"agent": {"state": NONE, "problems": []}})
    timer = read_unit(TIMER)
    state = read_state(places)
    taken: Mapping[str, Any] = state.taken if state else {}
    last: Mapping[str, Any] = state.last if state else {}
    same_boot = state is not None and state.boot == clock.boot()
    now = clock.since_boot()
    age = round(now - float(taken["since_boot"])) if taken and same_boot and not _older_boot(taken, now) else None
    waits = max(0, round(state.not_before - now)) if state is not None and same_boot else 0
    shown = {
        "state": _state(running=timer.active, taken=bool(taken), age=age),
        "hub_url": _hub_url(places),
        "node": _node(places),
        "version": VERSION,
        "timer": {"active": timer.active, "enabled": timer.enabled},
        "units": {"collector": _unit(COLLECT), "sender": _unit(SEND)},
        "last_beat": {"at": taken.get("at"), "age_seconds": age, "sequence": taken.get("sequence")} if taken else None,
        "answer": {name: last.get(name) for name in ("at", "result", "code", "message")} if last else None,
        "cursor": state.after if state else None,
        "backlog": taken.get("backlog"),
        "skew_seconds": taken.get("skew_seconds"),
        "failures": state.failures if state else 0,
        "wait_seconds": waits,
    }
    return Result(data={"agent": {**shown, "problems": _problems(shown, taken)}})


def _older_boot(taken: Mapping[str, Any], now: float) -> bool:
    return float(taken["since_boot"]) > now


def _state(*, running: bool, taken: bool, age: int | None) -> str:
    if not running:
        return STOPPED
    if not taken:
        return NEVER
    return FRESH if age is not None and age <= FRESH_SECONDS else LATE


def _hub_url(places: AgentPlaces) -> str | None:
    try:
        return str(json.loads(read_text(places.hub) or "")["hub_url"])
    except (ValueError, KeyError, TypeError):
        return None


def _node(places: AgentPlaces) -> str | None:
    try:
        return node_of_token((read_text(places.token) or "").strip())
    except RefusedError:
        return None


def _unit(name: str) -> dict[str, Any]:
    """Return how the last run of a unit ended, and when."""
    printed = output_of(
        ["systemctl", "show", name, "--property=Result,ExecMainStatus,ActiveState,InactiveEnterTimestamp"]
    )
    values = dict(line.split("=", 1) for line in (printed or "").splitlines() if "=" in line)
    code = values.get("ExecMainStatus", "")
    return {
        "result": values.get("Result") or None,
        "exit_code": int(code) if code.isdigit() else None,
        "active": values.get("ActiveState") in ("active", "activating"),
    }


def _problems(shown: Mapping[str, Any], taken: Mapping[str, Any]) -> list[str]:
    """Return what an operator should look at, in words."""
    problems = []
    answer = shown["answer"] or {}
    if shown["hub_url"] is None or shown["node"] is None:
        problems.append("the file with the hub's address or the token is damaged: register again")
    if shown["state"] == STOPPED:
        problems.append("its timer does not run")
    elif shown["state"] in (LATE, NEVER):
        said = answer.get("message")
        problems.append(f"the hub took no beat for more than {FRESH_SECONDS} s{f': {said}' if said else ''}")
    for name, unit in shown["units"].items():
        if unit["result"] not in (None, "success") and not (name == "sender" and answer.get("code")):
            problems.append(f"the {name} failed: {unit['result']}")
    skew = shown["skew_seconds"]
    if isinstance(skew, int) and abs(skew) >= _SKEW_SECONDS:
        problems.append(f"the clock of this host is {abs(skew)} s {'fast' if skew > 0 else 'slow'}")
    if is_older(VERSION, str(taken.get("agent_minimum") or "0")):
        problems.append("the hub wants a newer agent: upgrade VSA and start the agent again")
    return problems
