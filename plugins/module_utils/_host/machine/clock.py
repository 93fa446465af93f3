# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's clock, and the boot that it counts from.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime

__all__ = ("boot_id", "time_now")


def time_now() -> datetime.datetime:
    """Return the present time, aware, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)


def boot_id() -> str | None:
    """Return the id that the kernel made when it started, None if it cannot be read. Source: random(4)."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return None
