# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell an operator that somebody else changed the same site a short while ago.

Two operators, or an operator and a pipeline, know nothing of each other. The lock of a host makes one wait for the
other one, and fields that only one of them sets are kept. If both set the same field, the last one wins, and nobody
would know.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from ..times import parse_time, time_since

__all__ = ("RECENT", "notes_of_others")

RECENT = datetime.timedelta(days=1)
"""How long the change of somebody else is worth a note."""

_MOST = 20


def notes_of_others(
    index: Mapping[str, Mapping[str, Any]], domains: Iterable[str], *, actor: str, now: datetime.datetime
) -> tuple[str, ...]:
    """Return a note for each of these sites that another actor changed last, within the last day.

    ``index`` are the sites of the live generation as generation.json has them, ``actor`` is who changes them now.
    """
    notes = []
    for domain in domains:
        last = index.get(domain, {}).get("last_change") or {}
        moment = parse_time(last.get("time"))
        if moment is None or last.get("actor") in (None, actor) or now - moment > RECENT:
            continue
        ago = time_since(round((now - moment).total_seconds()))
        done = f"{last.get('verb')}, generation {last.get('generation')}, audit {last.get('audit_id')}"
        notes.append(f"{last['actor']} changed {domain} {ago} ago ({done})")
    more = len(notes) - _MOST
    return (*notes[:_MOST], *([f"others changed {more} more of these sites within a day"] if more > 0 else []))
