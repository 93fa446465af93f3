# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How vhosts and generations are shown.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..listing import Listing

__all__ = ("GENERATIONS", "VHOSTS", "about_vhost")

_NAMED = 3


def _state(vhost: Mapping[str, Any]) -> str:
    return "edited" if vhost.get("drift") else "live"


VHOSTS = Listing(
    "vhosts",
    (
        ("DOMAIN", lambda vhost: vhost.get("domain")),
        ("STATE", _state),
        ("ALIASES", lambda vhost: [name for name in vhost.get("names") or () if name != vhost.get("domain")]),
        ("CONTAINERS", lambda vhost: vhost.get("containers")),
        ("NETWORK", lambda vhost: vhost.get("network")),
    ),
    state=_state,
)


def _change(entry: Mapping[str, Any]) -> str:
    """Return what a generation changed: the count of its files, and the first of its sites."""
    gone = {f"-{name}" for name in entry.get("removed") or ()}
    names = [*sorted(str(name) for name in entry.get("changed") or ()), *sorted(gone)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    summary = str(entry.get("summary") or "")
    return f"{summary}: {', '.join(names[:_NAMED])}{more}" if names and summary else summary


GENERATIONS = Listing(
    "generations",
    (
        ("GENERATION", lambda entry: f"{entry.get('number')}{' live' if entry.get('live') else ''}"),
        ("TIME", lambda entry: entry.get("time")),
        ("VERB", lambda entry: entry.get("verb")),
        ("CHANGE", _change),
        ("ACTOR", lambda entry: entry.get("actor")),
        ("AUDIT", lambda entry: entry.get("audit_id")),
    ),
)


def about_vhost(vhost: Mapping[str, Any]) -> list[str]:
    """Return what stands above the text of a vhost: who changed it, where its manifest comes from."""
    lines = []
    last = vhost.get("last_change")
    if last:
        lines.append(
            f"generation {last.get('generation')} changed it: {last.get('verb')} by {last.get('actor')}"
            f" at {last.get('time')}, audit {last.get('audit_id')}"
        )
    if vhost.get("origin"):
        lines.append(f"its manifest is {vhost.get('origin')}")
    return lines
