# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New ids for runs.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import time

from ..._core.ids import uuid7

__all__ = ("new_audit_id",)


def new_audit_id() -> str:
    """Return an id for a run that begins now: a UUID of version 7."""
    return uuid7(time.time_ns() // 1_000_000, randomness=os.urandom(10))
