# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's clock.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime

__all__ = ("time_now",)


def time_now() -> datetime.datetime:
    """Return the present time, aware, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)
