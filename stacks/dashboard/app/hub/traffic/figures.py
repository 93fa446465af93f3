"""Cards, charts and tables that come of the figures by the hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hub.moments import rfc3339
from hub.traffic.answers import NO_COST, Cost
from hub.traffic.asked import Asked
from hub.traffic.histogram import PERCENTILES, percentiles
from hub.traffic.hours import BYTES, COUNTS, SECONDS, Kind, Step
from hub.traffic.minutes import status_class
from hub.traffic.queries import CLASSES
from hub.traffic.ranges import KEPT, Range, moment
from hub.traffic.service import Traffic
from hub.traffic.shared import together

__all__ = ("by_method", "by_status", "bytes_chart", "cards", "latency_chart", "status_chart")

Found = tuple[dict[str, Any], Cost]
_Values = dict[str, float | None]


async def cards(traffic: Traffic, asked: Asked) -> Found:
    """Return the six cards, each with the period before and its course."""
    kept_since = traffic.loki.clock().timestamp() - KEPT
    before = asked.range.before()
    ranges = [asked.range] if before.start < kept_since - asked.range.step else [asked.range, before]
    wanted = [(kind, time) for time in ranges for kind in (COUNTS, BYTES, SECONDS)]
    answers = await together(_steps(traffic, asked, kind, time) for kind, time in wanted)
    steps = [found for found, _cost in answers]
    cost = sum((paid for _found, paid in answers), NO_COST)
    now = _summed(*steps[:3])
    past = _summed(*steps[3:]) if len(ranges) == 2 else {}
    course = _course(*steps[:3])
    shown = [_card(key, name, unit, now, past, course[key]) for key, name, unit in _CARDS]
    return {"cards": shown, "compared": before.as_json() if past else None}, cost


async def status_chart(traffic: Traffic, asked: Asked) -> Found:
    """Return requests per second by class of status. A step without requests is zero: Loki was asked for it."""
    steps, cost = await _steps(traffic, asked, COUNTS, asked.range)
    by_class = [_by(step, 0, status_class) for step in steps]
    names = [name for name in (*CLASSES[1:], CLASSES[0], "other") if any(name in counts for counts in by_class)]
    names = names or list(CLASSES[1:])
    series = [{"name": name, "values": [_rate(counts[name], asked.range) for counts in by_class]} for name in names]
    return {"chart": _chart("requests per second", asked.range, series)}, cost


async def latency_chart(traffic: Traffic, asked: Asked) -> Found:
    """Return percentiles of the response time. A step without requests has none, and is a gap."""
    steps, cost = await _steps(traffic, asked, SECONDS, asked.range)
    found = [percentiles(_buckets(step)) for step in steps]
    series = [{"name": name, "values": [step[name] for step in found]} for name in PERCENTILES]
    return {"chart": _chart("seconds", asked.range, series)}, cost


async def bytes_chart(traffic: Traffic, asked: Asked) -> Found:
    """Return bytes per second."""
    steps, cost = await _steps(traffic, asked, BYTES, asked.range)
    values = [_rate(sum(step.values()), asked.range) for step in steps]
    return {"chart": _chart("bytes per second", asked.range, [{"name": "sent", "values": values}])}, cost


async def by_status(traffic: Traffic, asked: Asked) -> Found:
    """Return the requests by status."""
    return await _table(traffic, asked, 0)


async def by_method(traffic: Traffic, asked: Asked) -> Found:
    """Return the requests by method."""
    return await _table(traffic, asked, 1)


_CARDS = (
    ("requests", "Requests", "count"),
    ("sent", "Sent", "bytes"),
    ("errors", "Server errors", "percent"),
    *((name, name, "seconds") for name in PERCENTILES),
)


async def _table(traffic: Traffic, asked: Asked, place: int) -> Found:
    steps, cost = await _steps(traffic, asked, COUNTS, asked.range)
    total: Counter[str] = Counter()
    for step in steps:
        total.update(_by(step, place, str))
    ranked = sorted(total.items(), key=lambda entry: (-entry[1], entry[0]))
    rows = [{"name": name, "requests": count} for name, count in ranked]
    return {"table": {"rows": rows, "total": sum(total.values()), "more": False}}, cost


async def _steps(traffic: Traffic, asked: Asked, kind: Kind, time: Range) -> tuple[list[Step], Cost]:
    return await traffic.hours.steps(asked.domain, kind, time, reader=asked.reader)


def _by(step: Step, place: int, name_of: Any) -> Counter[str]:
    """Return the figures of a step by one of their labels."""
    found: Counter[str] = Counter()
    for labels, value in step.items():
        found[name_of(labels[place])] += round(value)
    return found


def _buckets(*steps: Step) -> Counter[str]:
    found: Counter[str] = Counter()
    for step in steps:
        for (bucket,), value in step.items():
            found[bucket] += round(value)
    return found


def _summed(counts: Sequence[Step], sent: Sequence[Step], seconds: Sequence[Step]) -> _Values:
    """Return the value of each card over a whole range; None for what has no value without requests."""
    requests = sum(sum(step.values()) for step in counts)
    failed = sum(_by(step, 0, status_class)["5xx"] for step in counts)
    return {
        "requests": requests,
        "sent": sum(sum(step.values()) for step in sent),
        "errors": failed / requests * 100 if requests else None,
        **percentiles(_buckets(*seconds)),
    }


def _course(counts: Sequence[Step], sent: Sequence[Step], seconds: Sequence[Step]) -> dict[str, list[float | None]]:
    found = [_summed(*([step] for step in steps)) for steps in zip(counts, sent, seconds, strict=True)]
    return {key: [step[key] for step in found] for key, _name, _unit in _CARDS}


def _card(key: str, name: str, unit: str, now: _Values, past: _Values, course: list[float | None]) -> dict[str, Any]:
    value, before = now[key], past.get(key)
    change = _change(unit, value, before)
    return {
        "key": key,
        "name": name,
        "unit": unit,
        "value": _rounded(value),
        "before": _rounded(before),
        "change": _rounded(change),
        "course": [_rounded(entry) for entry in course],
    }


def _change(unit: str, value: float | None, before: float | None) -> float | None:
    """Return the change in percent for amounts, else the difference; None if one of them has no value."""
    if value is None or before is None:
        return None
    if unit not in ("count", "bytes"):
        return value - before
    return (value - before) / before * 100 if before else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _rate(count: float, time: Range) -> float:
    return round(count / time.step, 4)


def _chart(unit: str, time: Range, series: list[dict[str, Any]]) -> dict[str, Any]:
    times = [_text(moment(start)) for start in time.times]
    return {"unit": unit, "times": times, "to": _text(moment(time.end)), "series": series}


def _text(at: datetime) -> str:
    return rfc3339(at) or ""
