"""What has to be read from the lines themselves: clients, paths, and the log with its search."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hub.moments import rfc3339
from hub.traffic.answers import Answer, Cost
from hub.traffic.asked import Asked
from hub.traffic.queries import (
    TOP,
    TOP_ERRORS,
    Selector,
    clients_query,
    lines_query,
    matches_query,
    paths_query,
)
from hub.traffic.ranges import moment
from hub.traffic.service import Traffic
from hub.traffic.shared import together
from hub.traffic.shown import shown, shown_line

__all__ = ("MOST_LINES", "clients", "log", "paths")

MOST_LINES = 100
# A log of up to six hours follows the clock by ten seconds, a longer one by a minute.
_SHORT, _OFTEN, _SELDOM = 6 * 3600, 10, 60

Found = tuple[dict[str, Any], Cost]


async def clients(traffic: Traffic, asked: Asked) -> Found:
    """Return the clients with the most requests."""
    query = clients_query(asked.streams, asked.range.span)
    answer, cost = await _value(traffic, asked, query, asked.range.end)
    return {"table": _ranked(answer, "client")}, cost


async def paths(traffic: Traffic, asked: Asked) -> Found:
    """Return the paths with the most requests, with their server errors if these are known."""
    span, at = asked.range.span, asked.range.end
    failed_streams = Selector(asked.domain, status="5xx")
    questions = (paths_query(asked.streams, span), paths_query(failed_streams, span, most=TOP_ERRORS))
    (answer, cost), (failed, more) = await together(_value(traffic, asked, query, at) for query in questions)
    errors = _values(failed, "path")
    table = _ranked(answer, "path")
    for row in table["rows"]:
        # A path that is not among the first hundred has errors too, perhaps.
        row["errors"] = errors.get(row["name"], 0 if len(errors) < TOP_ERRORS else None)
    for row in table["rows"]:
        row["name"] = shown(row["name"])
    return {"table": table}, cost + more


async def log(traffic: Traffic, asked: Asked) -> Found:
    """Return the newest lines that match, and how many match."""
    grain = _OFTEN if asked.range.span <= _SHORT else _SELDOM
    until = asked.range.end
    if asked.range.name != "free":
        until = max(int(traffic.loki.clock().timestamp()) // grain * grain, until)
    span = until - asked.range.start
    query = lines_query(asked.chosen, asked.q)

    async def lines() -> Answer:
        start = asked.range.start
        return await traffic.loki.lines(query, start=start, end=until, limit=MOST_LINES, reader=asked.reader)

    found = _asked(traffic, (query, asked.range.start, until), lines)
    count = _value(traffic, asked, matches_query(asked.chosen, asked.q, span), until)
    (answer, cost), (counted, more) = await together((found, count))
    newest = sorted(answer.lines, key=lambda line: line.at, reverse=True)
    matches = round(sum(value for series in counted.series for _at, value in series.points))
    found_lines = {"lines": [shown_line(line) for line in newest], "matches": matches, "most": MOST_LINES}
    return {"log": {**found_lines, "to": rfc3339(moment(until))}}, cost + more


async def _value(traffic: Traffic, asked: Asked, query: str, at: int) -> tuple[Answer, Cost]:
    async def question() -> Answer:
        return await traffic.loki.value(query, at=at, reader=asked.reader)

    return await _asked(traffic, (query, at), question)


async def _asked(
    traffic: Traffic, key: tuple[Any, ...], question: Callable[[], Awaitable[Answer]]
) -> tuple[Answer, Cost]:
    answer, first = await traffic.shared.ask(key, question)
    return answer, answer.cost if first else Cost(remembered=1)


def _values(answer: Answer, label: str) -> dict[str, int]:
    return {series.labels.get(label, ""): round(sum(value for _at, value in series.points)) for series in answer.series}


def _ranked(answer: Answer, label: str) -> dict[str, Any]:
    found = sorted(_values(answer, label).items(), key=lambda entry: (-entry[1], entry[0]))
    rows = [{"name": name, "requests": count} for name, count in found if count]
    return {"rows": rows, "total": None, "more": len(rows) == TOP}
