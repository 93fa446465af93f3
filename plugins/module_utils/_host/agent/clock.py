# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clocks of the agent. It decides by the time since the start of the kernel: the time of day may be wrong.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..._core.times import rfc3339
from ..machine.clock import boot_id, time_now

__all__ = ("Clock", "stamp")


def _boot() -> str:
    return boot_id() or ""


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class Clock:
    """Time and chance. ``since_boot`` counts seconds also while the machine sleeps; ``boot`` names the boot."""

    since_boot: Callable[[], float] = _since_boot
    boot: Callable[[], str] = _boot
    now: Callable[[], datetime.datetime] = time_now
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


def stamp(moment: datetime.datetime) -> str:
    """Return a time in RFC 3339 with milliseconds."""
    return rfc3339(moment, timespec="milliseconds")
