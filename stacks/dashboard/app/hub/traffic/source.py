"""Whether Loki answers, since when, and when it answered last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.sources import no_answer, source_entry

__all__ = ("NOT_SET_UP", "Source")

_NAME = "Loki"
NOT_SET_UP: Mapping[str, Any] = {
    "name": _NAME,
    "state": "silent",
    "at": None,
    "text": "not set up: LOKI_URL is empty",
}
"""The entry of a hub that has no Loki."""


@dataclass
class Source:
    """The last that is known of Loki. Before the first question nothing is known."""

    answered_at: datetime | None = None
    # When Loki answered again after it had not; None if it answered all the time.
    back_since: datetime | None = None
    down_since: datetime | None = None
    text: str | None = None
    tried: float = float("-inf")

    @property
    def down(self) -> bool:
        """Say whether the last question had no answer."""
        return self.down_since is not None

    def answered(self, at: datetime) -> None:
        """Note an answer."""
        if self.down:
            self.back_since = at
        self.answered_at = at
        self.down_since = self.text = None

    def failed(self, at: datetime, text: str) -> None:
        """Note that there was no answer. The time of the first failure stays."""
        if self.down_since is None:
            self.down_since = at
        self.text = text

    def entry(self, shown: datetime | None) -> dict[str, Any]:
        """Return the entry of a page's list of sources; ``shown`` is the time of what the page has of Loki."""
        if self.down_since is not None:
            return source_entry(_NAME, "bad", at=shown, text=no_answer(self.down_since, self.text))
        if self.answered_at is None:
            return source_entry(_NAME, "silent", text="not asked yet")
        return source_entry(_NAME, "ok", at=shown)
