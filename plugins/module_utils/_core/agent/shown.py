# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the state of an agent is shown.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..listing import plain_pairs
from ..times import time_since
from .freshness import FRESH, LATE, NEVER

__all__ = ("AGENT_TITLES", "LATE_STATES", "agent_cells", "agent_lines", "agent_rank")

AGENT_TITLES = ("STATE", "LAST BEAT", "HUB SAID", "BACKLOG", "CLOCK", "UNITS")

LATE_STATES = (LATE, NEVER, "stopped")
"""The states of a registered agent whose node the hub does not call fresh."""

_RANKS = (NEVER, LATE, "stopped", "not registered", FRESH)


def agent_rank(payload: Mapping[str, Any]) -> int:
    """Return the place of a host in the order of rows: the worst is first."""
    state = (payload.get("agent") or {}).get("state")
    return _RANKS.index(state) if state in _RANKS else 0


def agent_cells(payload: Mapping[str, Any]) -> list[Any]:
    """Return the cells of a host's row."""
    agent = payload.get("agent") or {}
    return [agent.get("state"), _beat(agent), _said(agent), agent.get("backlog"), _clock(agent), _units(agent)]


def agent_lines(payload: Mapping[str, Any]) -> list[str]:
    """Return the state of an agent, and a line for each thing to look at."""
    agent = payload.get("agent") or {}
    pairs = [
        ("hub", agent.get("hub_url")),
        ("node", agent.get("node")),
        ("last beat", _beat(agent)),
        ("hub said", _said(agent)),
        ("cursor", agent.get("cursor")),
        ("backlog", agent.get("backlog")),
        ("clock", _clock(agent)),
        ("units", _units(agent)),
        ("look at", list(agent.get("problems") or ())),
    ]
    return plain_pairs(f"agent: {agent.get('state')}", [pair for pair in pairs if pair[1] not in (None, [], "")])


def _beat(agent: Mapping[str, Any]) -> str | None:
    beat = agent.get("last_beat")
    if not beat:
        return None
    age = beat.get("age_seconds")
    return str(beat.get("at")) if age is None else f"{time_since(int(age))} ago"


def _said(agent: Mapping[str, Any]) -> str | None:
    answer = agent.get("answer")
    if not answer:
        return None
    return str(answer.get("message") or answer.get("result"))


def _clock(agent: Mapping[str, Any]) -> str | None:
    skew = agent.get("skew_seconds")
    if skew is None:
        return None
    return "same" if abs(skew) < 2 else f"{abs(skew)} s {'fast' if skew > 0 else 'slow'}"


def _units(agent: Mapping[str, Any]) -> str | None:
    units = agent.get("units")
    if not units:
        return None
    failed = [name for name, unit in units.items() if unit.get("result") not in (None, "success")]
    return f"{', '.join(failed)} failed" if failed else "ok"
