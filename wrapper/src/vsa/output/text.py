"""Make foreign text safe to print, and the formats that all views share."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from vsa.core import NOTHING, escaped_json, escaped_lines

__all__ = ("clean", "days", "json_text", "seconds")


def clean(value: Any) -> str:
    """Return text that does nothing to the terminal: control characters are replaced by escapes, lines are kept.

    Text of a host must not move the cursor or hide other text.
    """
    return escaped_lines(str(value))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON that people may read in a terminal: what acts there is an escape of JSON."""
    return escaped_json(json.dumps(value, ensure_ascii=False, indent=indent))


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
