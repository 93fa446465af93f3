# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the state of a host is shown.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ("SIGNS", "counted", "ping_words", "status_lines")

SIGNS = {"down": "✘", "warning": "!", "not checked": "?"}


def counted(states: Mapping[str, Any]) -> str:
    """Return the number of sites, and how many are in each state if not all are fine; empty if there is no site."""
    total = sum(states.values())
    if not total:
        return ""
    words = f"{total} {'site' if total == 1 else 'sites'}"
    others = [f"{states[state]} {state}" for state in states if state != "ok" and states[state]]
    return f"{words}: {', '.join(others)}" if others else words


def ping_words(payload: Mapping[str, Any]) -> str:
    """Return as what a host was reached: the version of Python, and whether bootstrap was there."""
    found = payload.get("ping") or {}
    fresh = "" if found.get("bootstrapped") else ", not bootstrapped yet"
    return f"Python {found.get('python')}{fresh}"


def status_lines(payload: Mapping[str, Any]) -> list[str]:
    """Return the state of a host, and a line for each thing that is wrong, with its remedy below."""
    sites = counted(payload.get("site_states") or {})
    lines = [f"{payload.get('state')} · {sites}" if sites else str(payload.get("state"))]
    for finding in payload.get("findings") or ():
        sign = SIGNS.get(str(finding.get("level")), "?")
        lines.append(f"{sign} {finding.get('subject')}: {finding.get('text')}")
        if finding.get("remedy"):
            lines.append(f"  try  {finding['remedy']}")
    return lines
