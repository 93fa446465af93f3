"""Make foreign text safe to print, and the formats that all views share."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

__all__ = ("NOTHING", "clean", "days", "seconds", "word")

NOTHING = "—"
# Control characters, and characters that change the direction of text. Text of a host must not move the cursor or hide
# other text.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def clean(value: Any) -> str:
    """Return text that does nothing to the terminal: control characters are replaced by escapes."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), str(value).replace("\t", " "))


def word(value: Any) -> str:
    """Return a value as text: a dash for nothing, yes and no for a switch, commas in a list."""
    if value is None or value == "" or value == [] or value == {}:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(word(entry) for entry in value)
    if isinstance(value, dict):
        return " · ".join(f"{key} {word(entry)}" for key, entry in value.items())
    return clean(value).replace("\n", " ")


def seconds(value: float) -> str:
    """Return a duration as people write it: 0.4 s, 4.8 s, 3 min 20 s."""
    if value < 99.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def days(until: str | None, *, now: datetime) -> str:
    """Return the time until a moment of RFC 3339, in whole days or hours."""
    if not until:
        return NOTHING
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        return clean(until)
    left = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    hours = left.total_seconds() / 3600
    if hours < 0:
        return f"{-hours / 24:.0f} d ago" if hours <= -24 else f"{-hours:.0f} h ago"
    return f"{int(hours / 24)} d" if hours >= 48 else f"{int(hours)} h"
