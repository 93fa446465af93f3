"""Whether a source of a page answers, since when it does not, and when it answered last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.moments import rfc3339

__all__ = ("Source", "no_answer", "source_entry")


def source_entry(name: str, state: str, *, at: datetime | None = None, text: str | None = None) -> dict[str, Any]:
    """Return one entry of a page's list of sources. ``state`` is ok, bad, old or silent.

    ``at`` is the time of what is shown; None for a source that was asked for this very page.
    """
    return {"name": name, "state": state, "at": rfc3339(at), "text": text}


def no_answer(since: datetime | None, error: str | None) -> str:
    """Return the words for a source that is down: since when, and why."""
    words = f"does not answer since {rfc3339(since)}"
    return f"{words}: {error}" if error else words


@dataclass
class Source:
    """What is known of one source. Before the first question nothing is."""

    name: str
    answered_at: datetime | None = None
    down_since: datetime | None = None
    error: str | None = None

    def answered(self, at: datetime) -> None:
        """Note an answer."""
        self.answered_at, self.down_since, self.error = at, None, None

    def failed(self, at: datetime, error: str | None = None) -> None:
        """Note that there was no answer, and why if that may be shown. The time of the first failure stays."""
        self.down_since, self.error = self.down_since or at, error

    def entry(self) -> dict[str, Any]:
        """Return the entry of a page's list of sources."""
        if self.down_since is not None:
            text = no_answer(self.down_since, self.error)
            return source_entry(self.name, "bad", at=self.answered_at, text=text)
        if self.answered_at is None:
            return source_entry(self.name, "silent", text="not asked yet")
        return source_entry(self.name, "ok")
