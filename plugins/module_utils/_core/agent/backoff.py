# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the agent waits after a beat that the hub did not take. No time of day is used: clocks may be wrong.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from .answer import AGENT_TOO_OLD, OTHER_MACHINE, TOKEN_REVOKED, TOO_SOON, UNDER_WAY, Refusal

__all__ = ("FIRST_WAIT", "LONGEST_WAIT", "REVOKED_WAIT", "is_failure", "wait_after")

FIRST_WAIT, LONGEST_WAIT = 30.0, 600.0
"""The seconds after the first failure, and the most after many; they double from one failure to the next."""
REVOKED_WAIT = 3600.0
"""The seconds after the hub said that the token is revoked."""

# Agents that lost their hub in the same second must not come back in the same second.
_JITTER = 0.2


def is_failure(refusal: Refusal) -> bool:
    """Say whether a refusal counts as a failure. A hub that only asks for a pause works."""
    return refusal.code not in (TOO_SOON, UNDER_WAY)


def wait_after(refusal: Refusal, failures: int, *, chance: float) -> float:
    """Return the seconds to wait. ``failures`` counts those in a row with this one; ``chance`` is in [0, 1)."""
    asked = float(refusal.retry_after or 0)
    if not is_failure(refusal):
        return asked
    if refusal.code == TOKEN_REVOKED:
        wait = REVOKED_WAIT
    elif refusal.code in (OTHER_MACHINE, AGENT_TOO_OLD):
        wait = LONGEST_WAIT  # only a person can mend it
    else:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(max(0, failures - 1), 10))
    return max(asked, wait * (1 - _JITTER + 2 * _JITTER * chance))
