"""The time that a page shows: named or free, aligned to its step, and the period before it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub.core import rfc3339
from hub.errors import HubError

__all__ = ("DEFAULT", "KEPT", "NAMES", "Range", "asked_range", "moment")

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
DEFAULT = "24h"
KEPT = 30 * _DAY
"""So many seconds Loki keeps lines, by the settings of the stack observability."""
_ALONE = _DAY
# Seconds of each name, and of its steps: a chart has 60 to 168 of them.
NAMES: Mapping[str, tuple[int, int]] = {
    "15m": (15 * _MINUTE, 15),
    "1h": (_HOUR, _MINUTE),
    "6h": (6 * _HOUR, 3 * _MINUTE),
    "24h": (_DAY, 10 * _MINUTE),
    "7d": (7 * _DAY, _HOUR),
    "30d": (30 * _DAY, 6 * _HOUR),
}
# Steps of free ranges. Each one divides an hour, or is hours.
_STEPS = (15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_MOST_STEPS = 180
_SHORTEST, _LONGEST = _MINUTE, 31 * _DAY
_FORM = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


@dataclass(frozen=True)
class Range:
    """A time in steps, in seconds since 1970: ``start`` is in it, ``end`` is not. ``name`` is of NAMES, or ``free``."""

    name: str
    start: int
    end: int
    step: int

    @property
    def span(self) -> int:
        """Return the seconds of the range."""
        return self.end - self.start

    @property
    def base(self) -> int:
        """Return the step that Loki is asked for: an hour at most, because answers are kept by the hour."""
        return min(self.step, _HOUR)

    @property
    def long(self) -> bool:
        """Say whether reading each line of the range has to be asked for."""
        return self.span > _ALONE

    @property
    def times(self) -> list[int]:
        """Return the start of each step."""
        return list(range(self.start, self.end, self.step))

    def before(self) -> Range:
        """Return the period of the same length that ends where this one starts."""
        return Range(self.name, self.start - self.span, self.start, self.step)

    def as_json(self) -> dict[str, Any]:
        """Return the range as the API shows it."""
        return {
            "name": self.name,
            "from": rfc3339(moment(self.start)),
            "to": rfc3339(moment(self.end)),
            "step_seconds": self.step,
        }


def moment(seconds: float) -> datetime:
    """Return a time in UTC of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def asked_range(name: str, start: str, end: str, *, at: datetime) -> Range:
    """Return the range that a reader asked for; HubError 400 names what is wrong.

    A free range has both a start and an end. Its last step is the first one that has the end in it.
    """
    if start or end:
        return _free(start, end, int(at.timestamp()))
    name = name or DEFAULT
    if name not in NAMES:
        raise HubError(400, "bad_request", f"one of {', '.join(NAMES)}, or from and to", "range")
    span, step = NAMES[name]
    # Only closed steps: the last one of a chart never looks as if the traffic fell.
    until = int(at.timestamp()) // min(step, _HOUR) * min(step, _HOUR)
    return Range(name, until - span, until, step)


def _free(start: str, end: str, at: int) -> Range:
    first, last = _parsed(start, "from"), min(_parsed(end, "to"), at)
    if not _SHORTEST <= last - first <= _LONGEST:
        raise HubError(400, "bad_request", "from is before to and before now, by a minute to 31 days", "from")
    step = next(step for step in _STEPS if (last - first) / step <= _MOST_STEPS)
    unit = min(step, _HOUR)
    until = min(-(-last // unit), at // unit) * unit
    steps = max(-(-(until - first) // step), 1)
    return Range("free", until - steps * step, until, step)


def _parsed(text: str, name: str) -> int:
    """Return a time of a reader in seconds. Without a zone it is UTC, as the field of a form sends it."""
    if _FORM.fullmatch(text):
        try:
            found = datetime.fromisoformat(text)
            return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError):
            pass
    raise HubError(400, "bad_request", "a time such as 2026-11-28T14:30:00Z", name)
