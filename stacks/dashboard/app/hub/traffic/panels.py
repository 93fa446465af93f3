"""The panels of the page by name, and what each of them shows if Loki does not answer or the reader has to ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.moments import rfc3339
from hub.traffic import figures, lines
from hub.traffic.answers import NO_COST, Cost
from hub.traffic.asked import Asked
from hub.traffic.client import LokiDownError, LokiError
from hub.traffic.service import Traffic

__all__ = ("PANELS", "Panel", "panel_view")

OK, ASK, BUSY, DOWN, REFUSED, OFF = "ok", "ask", "busy", "down", "refused", "off"
_DAY = 86400
# A panel that is not done after so many seconds says so, and goes on when it is asked again.
_PATIENCE = 25.0


@dataclass(frozen=True)
class Panel:
    """A panel: its title, what it shows (``cards``, ``chart``, ``table`` or ``log``), and the function that asks."""

    title: str
    shows: str
    found: Callable[[Traffic, Asked], Awaitable[tuple[dict[str, Any], Cost]]]
    column: str = ""


PANELS: Mapping[str, Panel] = {
    "cards": Panel("In figures", "cards", figures.cards),
    "requests": Panel("Requests per second by status", "chart", figures.status_chart),
    "latency": Panel("Response time", "chart", figures.latency_chart),
    "bytes": Panel("Sent", "chart", figures.bytes_chart),
    "statuses": Panel("By status", "table", figures.by_status, "Status"),
    "paths": Panel("By path", "table", lines.paths, "Path"),
    "methods": Panel("By method", "table", figures.by_method, "Method"),
    "clients": Panel("By client", "table", lines.clients, "Client"),
    "log": Panel("Log", "log", lines.log),
}


async def panel_view(traffic: Traffic | None, name: str, asked: Asked) -> dict[str, Any]:
    """Return what a panel shows. Without an answer of Loki the panel says so, and has no figure."""
    if traffic is None:
        return _view(name, asked, OFF, "This hub has no Loki: LOKI_URL is empty.")
    if asked.waits(name):
        return _view(name, asked, ASK, _reads(traffic, asked))
    try:
        async with asyncio.timeout(_PATIENCE):
            data, cost = await PANELS[name].found(traffic, asked)
    except TimeoutError:
        return _view(name, asked, BUSY, _progress(traffic, asked))
    except LokiDownError as error:
        since = rfc3339(error.since)
        return _view(name, asked, DOWN, f"Loki does not answer: {error}", since=since)
    except LokiError as error:
        return _view(name, asked, REFUSED, f"Loki did not answer this question: {error}")
    return _view(name, asked, OK, None, data=data, cost=cost)


def _view(
    name: str,
    asked: Asked,
    state: str,
    text: str | None,
    *,
    since: str | None = None,
    data: Mapping[str, Any] | None = None,
    cost: Cost = NO_COST,
) -> dict[str, Any]:
    panel = PANELS[name]
    return {
        "panel": name,
        "title": panel.title,
        "state": state,
        "text": text,
        "since": since,
        "domain": asked.domain,
        "range": asked.range.as_json(),
        "parameters": asked.parameters(),
        "cost": cost.as_json() if state == OK else None,
        "compared": None,
        **dict.fromkeys(("cards", "chart", "table", "log")),
        **(data or {}),
    }


def _reads(traffic: Traffic, asked: Asked) -> str:
    """Return what the panel would read, without a question to Loki."""
    count = traffic.hours.sum_known(asked.domain, asked.range)
    days = round(asked.range.span / _DAY, 1)
    lines_of = f"{count:,} lines" if count is not None else "every line"
    return f"This reads {lines_of} of {days:g} days."


def _progress(traffic: Traffic, asked: Asked) -> str:
    """Return how far the reading of closed hours is. They are kept, so the next try has less to do."""
    done = traffic.hours.count(asked.domain, asked.range.before().start, asked.range.end)
    return f"Still reading: {done:,} parts are in memory, and the rest follows by itself."
