"""Times: the hub's clock, RFC 3339, and how fresh a node is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from hub import core

__all__ = ("Clock", "age", "freshness", "now", "precise", "rfc3339")

Clock = Callable[[], datetime]
"""Returns the time in UTC. Tests have clocks of their own."""


def now() -> datetime:
    """Return the time by the hub's clock."""
    return datetime.now(UTC)


def age(received_at: datetime | None, at: datetime) -> float | None:
    """Return how many seconds ago a beat came. A clock that was set back makes no negative age."""
    if received_at is None:
        return None
    return round(max((at - received_at).total_seconds(), 0.0), 3)


def freshness(received_at: datetime | None, at: datetime) -> str:
    """Return how fresh a node is whose last beat came then. Computed when asked and stored nowhere."""
    return core.freshness(age(received_at, at))


def rfc3339(moment: datetime | None) -> str | None:
    """Return a time as text in UTC, to the millisecond; None for None."""
    return core.rfc3339(moment, timespec="milliseconds")


def precise(moment: datetime) -> str:
    """Return a time as text in UTC, to the microsecond: what a place in a list needs."""
    return core.rfc3339(moment, timespec="microseconds")
