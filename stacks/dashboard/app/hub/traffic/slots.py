"""How many questions may be under way: for one reader, and for all readers together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

__all__ = ("ALL", "PER_READER", "Slots")

PER_READER = 2
"""So many questions of one reader are under way at most."""
ALL = 6
"""So many questions of all readers together."""


@dataclass
class _Reader:
    free: asyncio.Semaphore
    present: int = 0


@dataclass
class Slots:
    """Lets questions pass, in the order in which they came. A question waits; it is never refused."""

    per_reader: int = PER_READER
    most: int = ALL
    readers: dict[str, _Reader] = field(default_factory=dict)
    under_way: int = 0
    _all: asyncio.Semaphore | None = None

    @asynccontextmanager
    async def taken(self, reader: str) -> AsyncIterator[None]:
        """Hold a slot of a reader. A reader without questions leaves nothing behind."""
        if self._all is None:
            self._all = asyncio.Semaphore(self.most)
        known = self.readers.setdefault(reader, _Reader(asyncio.Semaphore(self.per_reader)))
        known.present += 1
        try:
            async with known.free, self._all:
                self.under_way += 1
                try:
                    yield
                finally:
                    self.under_way -= 1
        finally:
            known.present -= 1
            if not known.present:
                del self.readers[reader]
