# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The id of a run. Goes when every verb takes a RunContext.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import time

from ..._core.errors import UsageError
from ..._core.ids import is_uuid7, uuid7

__all__ = ("audit_id",)


def audit_id(value: str | None) -> str:
    """Return the id of the run, made here where no door brought one."""
    if not value:
        return uuid7(time.time_ns() // 1_000_000, randomness=os.urandom(10))
    if not is_uuid7(value):
        raise UsageError("this is not a run's id", field="audit_id", value=value, expected="a UUID of version 7")
    return value
