# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fresh a node is, by the age of its last beat that the hub took. The word is computed when asked, never stored.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

__all__ = ("FRESH", "FRESH_SECONDS", "LATE", "LATE_SECONDS", "NEVER", "SILENT", "freshness")

FRESH, LATE, SILENT, NEVER = "fresh", "late", "silent", "never"
"""The words. ``never``: no beat was taken yet."""

FRESH_SECONDS, LATE_SECONDS = 75, 180
"""The greatest age of a fresh node, and of a late one, in seconds. An agent sends a beat every 30 s."""


def freshness(age: float | None) -> str:
    """Return the word for the age of a last beat in seconds; None if there was none."""
    if age is None:
        return NEVER
    if age <= FRESH_SECONDS:
        return FRESH
    return LATE if age <= LATE_SECONDS else SILENT
