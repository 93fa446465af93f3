"""A log line as people see it. Strangers wrote everything in it, so it is escaped and cut."""

from __future__ import annotations

import json
from typing import Any

from hub.core import escaped
from hub.moments import rfc3339
from hub.traffic.answers import Line
from hub.traffic.ranges import moment

__all__ = ("shown", "shown_line")

_LONGEST = 500
_NANO = 1_000_000_000


def shown_line(line: Line) -> dict[str, Any]:
    """Return the fields of a line. A line that is no JSON object has its text alone."""
    try:
        fields = json.loads(line.text)
    except (ValueError, RecursionError):
        fields = None
    known = fields if isinstance(fields, dict) else {}
    return {
        "id": f"{line.at}-{shown(str(known.get('id', '')))[:40]}",
        "at": rfc3339(moment(line.at / _NANO)),
        "status": shown(str(known.get("status", line.labels.get("status", "")))),
        "method": shown(str(known.get("method", line.labels.get("method", "")))),
        "uri": shown(str(known.get("uri", ""))),
        "client": shown(str(known.get("client", ""))),
        "seconds": _number(known.get("seconds")),
        "bytes": _number(known.get("bytes")),
        "agent": shown(str(known.get("agent", ""))),
        "text": None if known else shown(line.text),
    }


def shown(text: str) -> str:
    """Return text in one line that does nothing to a screen, cut after 500 characters."""
    words = escaped(text)
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 else None
