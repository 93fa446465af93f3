# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identifiers of runs: UUID version 7, so that they sort by time.

Source: RFC 9562, section 5.7. The standard library has it from Python 3.14 on; managed hosts have 3.10.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re

__all__ = ("is_uuid7", "uuid7")

_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def uuid7(milliseconds: int, *, randomness: bytes) -> str:
    """Return the UUIDv7 of a time (Unix milliseconds) and at least ten random bytes."""
    if len(randomness) < 10:
        raise ValueError("uuid7 wants at least 10 random bytes")
    tail = int.from_bytes(randomness[:10], "big")
    value = (
        (milliseconds & (1 << 48) - 1) << 80
        | 0x7 << 76
        | (tail >> 62 & 0xFFF) << 64
        | 0b10 << 62
        | tail & (1 << 62) - 1
    )
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def is_uuid7(value: str) -> bool:
    """Say whether a text is a UUIDv7 in its canonical form."""
    return bool(_UUID7.fullmatch(value))
