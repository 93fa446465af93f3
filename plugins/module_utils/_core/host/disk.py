# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a file system counts as nearly full.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("FULL", "Usage", "disk_is_full")

FULL = 0.8
"""The share of a file system that may be used before `vsa status` warns."""


@dataclass(frozen=True)
class Usage:
    """What statvfs(3) says: blocks in all, free ones, those free for users, and the same of inodes (0 if unlimited)."""

    blocks: int
    free: int
    available: int
    inodes: int = 0
    free_inodes: int = 0


def disk_is_full(usage: Usage) -> list[str]:
    """Return a sentence for each limit that is reached: space, inodes. The share is the one that df(1) prints."""
    used = usage.blocks - usage.free
    sentences = []
    for used_part, whole, what in (
        (used, used + usage.available, "of the space"),
        (usage.inodes - usage.free_inodes, usage.inodes, "of the inodes"),
    ):
        if whole > 0 and used_part / whole >= FULL:
            sentences.append(f"{used_part / whole:.0%} {what} is used".replace("%", " %"))
    return sentences
