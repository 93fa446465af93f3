"""The same question, asked by several panels or readers at once, is asked once; its answer is kept for a minute."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ("Shared", "together")

_SECONDS = 60.0
# What is kept weighs so much at most: 150,000 points are about 17 MB.
_MOST = 150_000


@dataclass
class _Flight[T]:
    task: asyncio.Task[T]
    readers: int = 0


@dataclass
class Shared[T]:
    """Questions that are under way, by key, and the answers of the last minute. An error is never kept.

    ``weight`` tells how much of the memory an answer takes.
    """

    weight: Callable[[T], int] = lambda _answer: 1
    seconds: float = _SECONDS
    most: int = _MOST
    monotonic: Callable[[], float] = time.monotonic
    flights: dict[Hashable, _Flight[T]] = field(default_factory=dict)
    kept: OrderedDict[Hashable, tuple[float, T]] = field(default_factory=OrderedDict)
    weighed: int = 0

    async def ask(self, key: Hashable, question: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """Return the answer to a question, and whether it was asked for this reader.

        The question ends when the last of its readers is cancelled.
        """
        found = self.kept.get(key)
        if found is not None and self.monotonic() - found[0] < self.seconds:
            return found[1], False
        flight = self.flights.get(key)
        first = flight is None
        if flight is None:
            flight = self.flights[key] = _Flight(asyncio.ensure_future(self._answered(key, question)))
            flight.task.add_done_callback(lambda task: self._landed(key, task))
        flight.readers += 1
        try:
            return await asyncio.shield(flight.task), first
        finally:
            flight.readers -= 1
            if not flight.readers and not flight.task.done():
                # Whoever asks from now on asks anew.
                self.flights.pop(key, None)
                flight.task.cancel()

    async def _answered(self, key: Hashable, question: Callable[[], Awaitable[T]]) -> T:
        answer = await question()
        self._keep(key, answer)
        return answer

    def _keep(self, key: Hashable, answer: T) -> None:
        """Keep an answer. The oldest ones leave: those of more than a minute ago, and what is too much."""
        now = self.monotonic()
        self._forget(key)
        self.kept[key] = (now, answer)
        self.weighed += self.weight(answer)
        for oldest in list(self.kept):
            if self.weighed <= self.most and now - self.kept[oldest][0] < self.seconds:
                break
            self._forget(oldest)

    def clear(self) -> None:
        """Forget all answers."""
        self.kept.clear()
        self.weighed = 0

    def _forget(self, key: Hashable) -> None:
        gone = self.kept.pop(key, None)
        if gone is not None:
            self.weighed -= self.weight(gone[1])

    def _landed(self, key: Hashable, task: asyncio.Task[T]) -> None:
        flight = self.flights.get(key)
        if flight is not None and flight.task is task:
            del self.flights[key]
        # An error whose readers are all gone is nobody's.
        if not task.cancelled():
            task.exception()


async def together[T](questions: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the answers to several questions. If one fails, the others end, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(question) for question in questions]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]
