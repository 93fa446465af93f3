"""What the hub answers if it does not take a request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hub.core import STATUS_OF, error_body

__all__ = ("HubError", "refusal", "shown_value")

_LONGEST_VALUE = 100


@dataclass(eq=False)
class HubError(Exception):
    """An error with its HTTP status, a code for programs and a message for people.

    ``field`` and ``value`` name what is wrong in the body. ``retry_after`` is in seconds.
    ``last``: the body of the request has no end, so the connection ends.
    """

    status: int
    code: str
    message: str
    field: str | None = None
    value: str | None = None
    retry_after: int | None = None
    last: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return error_body(self.code, self.message, field=self.field, value=self.value)


def refusal(
    code: str, message: str, field: str | None = None, value: str | None = None, *, retry_after: int | None = None
) -> HubError:
    """Return the refusal of a beat; its code has its status in the protocol."""
    return HubError(STATUS_OF[code], code, message, field, value, retry_after)


def shown_value(value: object) -> str:
    """Return a value of a sender as short text without control characters."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
