"""Whether the sites of a silent node answer: asked over HTTPS by name and address, because silent is not down.

The answers are kept in memory with their time. After a restart of the hub they are unknown for a minute.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.moments import rfc3339

__all__ = ("INTERVAL", "MOST_SITES", "Answering", "Ask", "SiteAnswer", "ask_site")

INTERVAL = 60
"""Seconds between two rounds of questions."""
MOST_SITES = 20
"""So many sites of a node are asked at most."""

_PORT = 443
_SECONDS = 5
_AT_ONCE = 10
_LONGEST_LINE = 1024


@dataclass(frozen=True)
class SiteAnswer:
    """What a site answered: its HTTP status, or why there was none."""

    domain: str
    status: int | None
    error: str | None = None

    @property
    def answers(self) -> bool:
        """Say whether the site answered with anything but an error of the server."""
        return self.status is not None and self.status < 500


Ask = Callable[[str, str], Awaitable[SiteAnswer]]
"""Asks the site of a name at an address."""


@dataclass
class Answering:
    """The last answers of the sites of each silent node."""

    answers: dict[str, tuple[datetime, tuple[SiteAnswer, ...]]] = field(default_factory=dict)

    async def ask(self, silent: Mapping[str, tuple[str, Sequence[str]]], *, ask: Ask, at: datetime) -> None:
        """Ask the sites of silent nodes, given by node as address and domains. Answers of all others are forgotten."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(domain: str, address: str) -> SiteAnswer:
            async with slots:
                return await ask(domain, address)

        for node in set(self.answers) - set(silent):
            del self.answers[node]
        for node, (address, domains) in silent.items():
            found = await asyncio.gather(*(one(domain, address) for domain in domains[:MOST_SITES]))
            self.answers[node] = (at, tuple(found))

    def of(self, node: str) -> dict[str, Any] | None:
        """Return how many sites of a node answered, and when; None if nobody asked."""
        if node not in self.answers:
            return None
        at, found = self.answers[node]
        return {
            "at": rfc3339(at),
            "asked": len(found),
            "answer": sum(entry.answers for entry in found),
            "silent": [
                {"domain": entry.domain, "status": entry.status, "error": entry.error}
                for entry in found
                if not entry.answers
            ],
        }


def _context() -> ssl.SSLContext:
    """Return a context that checks no certificate: the question is whether the site answers, not who issued it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def ask_site(domain: str, address: str, *, port: int = _PORT, seconds: float = _SECONDS) -> SiteAnswer:
    """Ask for the first page of a site at an address, and read the first line of the answer."""
    try:
        async with asyncio.timeout(seconds):
            return SiteAnswer(domain, await _status(domain, address, port))
    except TimeoutError:
        return SiteAnswer(domain, None, f"no answer within {seconds:g} s")
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        return SiteAnswer(domain, None, f"{type(error).__name__}: {error}"[:200])


async def _status(domain: str, address: str, port: int) -> int:
    reader, writer = await asyncio.open_connection(
        address, port, ssl=_context(), server_hostname=domain, limit=_LONGEST_LINE
    )
    try:
        name = domain.encode("idna").decode()
        writer.write(f"GET / HTTP/1.1\r\nHost: {name}\r\nUser-Agent: vsa-hub\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        line = await reader.readuntil(b"\n")
        return int(line.split(b" ", 2)[1][:3])
    except IndexError as error:
        raise ValueError("the answer is no HTTP") from error
    finally:
        writer.close()
