"""Who may send a beat now: one beat per sender under way, and a distance between two beats of one sender.

All in memory: the hub is one process, and forgetting everything at a restart is right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from math import ceil

from hub.core import TOO_SOON, UNDER_WAY
from hub.errors import refusal

__all__ = ("DISTANCE", "Gate")

DISTANCE = 5.0
"""Seconds between two beats of one sender."""

_MOST_SENDERS = 10_000
_BUSY = 5  # seconds after which a sender may try again whose other beat is under way


class Gate:
    """The beats that are under way, and when each sender may send the next one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._under_way: set[Hashable] = set()
        self._free_at: dict[Hashable, float] = {}

    @contextmanager
    def entered(self, key: Hashable) -> Iterator[None]:
        """Hold the place of a sender. HubError if the sender holds it already."""
        if key in self._under_way:
            raise refusal(UNDER_WAY, "a beat of this node is under way", retry_after=_BUSY)
        self._under_way.add(key)
        try:
            yield
        finally:
            self._under_way.discard(key)

    def refuse_early(self, key: Hashable) -> None:
        """HubError if the last beat of a sender is not long enough ago."""
        left = self._free_at.get(key, 0.0) - self._clock()
        if left > 0:
            text = f"beats have a distance of {DISTANCE:.0f} s at least"
            raise refusal(TOO_SOON, text, retry_after=ceil(left))

    def note(self, key: Hashable, *, more: bool) -> None:
        """Note that a sender was answered. With ``more`` the sender was told to send again at once."""
        if more:
            self._free_at.pop(key, None)
            return
        if len(self._free_at) >= _MOST_SENDERS:
            self._forget()
        self._free_at[key] = self._clock() + DISTANCE

    def _forget(self) -> None:
        at = self._clock()
        self._free_at = {key: free for key, free in self._free_at.items() if free > at}
