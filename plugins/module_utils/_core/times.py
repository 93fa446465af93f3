# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as text: RFC 3339 for files and results, and a remaining time for people.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import re
from typing import overload

__all__ = ("parse_time", "rfc3339", "time_left", "time_since", "to_the_second")

_MINUTE = 60
_HOUR = 3600
_DAY = 86400


@overload
def rfc3339(moment: datetime.datetime, *, timespec: str = "seconds") -> str: ...


@overload
def rfc3339(moment: None, *, timespec: str = "seconds") -> None: ...


@overload
def rfc3339(moment: datetime.datetime | None, *, timespec: str = "seconds") -> str | None: ...


def rfc3339(moment: datetime.datetime | None, *, timespec: str = "seconds") -> str | None:
    """Return a time as text in UTC, to the second or as ``timespec`` of isoformat() says; None for None."""
    if moment is None:
        return None
    # isoformat() takes a tenth of the time of strftime(), and a list writes thousands of times.
    return moment.astimezone(datetime.timezone.utc).replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


def parse_time(value: object) -> datetime.datetime | None:
    """Return the aware time that a text in RFC 3339 means; None if the value is anything else."""
    if not isinstance(value, str):
        return None
    # Python 3.10 cannot parse the "Z", nor the nanoseconds that servers written in Go send.
    text = re.sub(r"\.[0-9]+", "", value).replace("Z", "+00:00")
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


_PARTS_OF_A_SECOND = re.compile(r"(\d\d:\d\d:\d\d)\.\d+(?=Z|[+-]\d\d:\d\d|$)")


def to_the_second(text: str) -> str:
    """Return a time in RFC 3339 without parts of a second, which Docker writes with nine digits. Other text stays."""
    return _PARTS_OF_A_SECOND.sub(r"\1", text)


def time_left(seconds: int) -> str:
    """Return a remaining time in the largest unit that fits: ``71 d``, ``30 h``, ``5 min``."""
    if seconds >= 3 * _DAY:
        return f"{seconds // _DAY} d"
    if seconds >= 3 * _HOUR:
        return f"{seconds // _HOUR} h"
    return f"{max(0, seconds) // _MINUTE} min"


def time_since(seconds: int) -> str:
    """Return a time that has passed in the largest unit that fits: ``3 d``, ``5 h``, ``3 min``, ``8 s``."""
    return time_left(seconds) if seconds >= _MINUTE else f"{max(0, seconds)} s"
