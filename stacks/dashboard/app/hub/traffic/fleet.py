"""The traffic of the whole fleet, from the minutes in memory: for the Overview, and for Traffic without a domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from hub.core import escaped
from hub.moments import rfc3339
from hub.traffic.minutes import HELD, Minutes
from hub.traffic.queries import CLASSES

__all__ = ("fleet_view", "overview_of")

_BUSIEST, _BUSIEST_SHORT = 20, 5
# Minutes of one step: of the chart of a day, of the chart of six hours, of the small line of a day.
_BIN, _BIN_SHORT, _BIN_SMALL = 10, 2, 20
_LABELS = 7
_SIX_HOURS = timedelta(hours=6)
_DAY = timedelta(minutes=HELD)
_GOOD = ("1xx", "2xx", "3xx", "other")

Minute = tuple[datetime, Mapping[str, int] | None]


def fleet_view(minutes: Minutes) -> dict[str, Any]:
    """Return the requests of the fleet over 24 hours. A step of which nothing is known is a gap."""
    series = minutes.series(_DAY)
    bins = _bins(series, _BIN)
    found = [_rates(step) for step in bins]
    names = [name for name in (*CLASSES[1:], CLASSES[0], "other") if any(name in step for step in found if step)]
    chart = {
        "unit": "requests per second",
        "times": [rfc3339(step[0][0]) for step in bins],
        "to": rfc3339(series[-1][0] + timedelta(minutes=1)),
        "series": [{"name": name, "values": _values(found, (name,))} for name in names or CLASSES[1:]],
    }
    busiest = [
        {"domain": escaped(domain), "requests": count, "errors": errors}
        for domain, count, errors in minutes.busiest(_BUSIEST)
    ]
    return {
        "minutes_known": minutes.known(),
        "minutes": HELD,
        "whole_hour": minutes.knows_hour(),
        "chart": chart,
        "busiest": busiest,
    }


def overview_of(minutes: Minutes) -> dict[str, Any]:
    """Return what the Overview shows: six hours as a chart, a day in one figure, and the busiest domains now."""
    series = minutes.series(_DAY)
    short = series[-(_SIX_HOURS // timedelta(minutes=1)) :]
    steps = [_rates(step) for step in _bins(short, _BIN_SHORT)]
    shown = {
        "good": _values(steps, _GOOD),
        "client_errors": _values(steps, ("4xx",)),
        "server_errors": _values(steps, ("5xx",)),
    }
    last = series[-1][1]
    return {
        **shown,
        "labels": _labels(short),
        "busiest": [
            {"domain": escaped(domain), "node": None, "requests": count, "server_errors": errors}
            for domain, count, errors in minutes.busiest(_BUSIEST_SHORT)
        ],
        "total": _total(series),
        "per_second": None if last is None else round(sum(last.values()) / 60, 2),
        "day": _values([_rates(step) for step in _bins(series, _BIN_SMALL)], (*CLASSES, "other")),
        "summary": _summary(shown),
    }


def _bins(series: Sequence[Minute], size: int) -> list[Sequence[Minute]]:
    return [series[at : at + size] for at in range(0, len(series), size)]


def _rates(step: Sequence[Minute]) -> dict[str, float] | None:
    """Return requests per second by class of the known minutes of a step; None if no minute is known."""
    known = [counts for _at, counts in step if counts is not None]
    if not known:
        return None
    names = {name for counts in known for name in counts}
    return {name: sum(counts.get(name, 0) for counts in known) / (60 * len(known)) for name in names}


def _values(steps: Sequence[Mapping[str, float] | None], names: Sequence[str]) -> list[float | None]:
    return [None if step is None else round(sum(step.get(name, 0.0) for name in names), 4) for step in steps]


def _total(series: Sequence[Minute]) -> int | None:
    """Return the requests until the last known minute; None if a minute before is unknown."""
    counts = [found for _at, found in series]
    while counts and counts[-1] is None:
        counts.pop()
    known = [found for found in counts if found is not None]
    if not known or len(known) < len(counts):
        return None
    return sum(sum(found.values()) for found in known)


def _labels(series: Sequence[Minute]) -> list[str]:
    end = series[-1][0] + timedelta(minutes=1)
    whole = end - series[0][0]
    times = [series[0][0] + whole * number / (_LABELS - 1) for number in range(_LABELS)]
    return [f"{time:%H:%M}" for time in times]


def _summary(shown: Mapping[str, Sequence[float | None]]) -> str:
    """Return the chart in words."""
    every = [
        good + refused + failed
        for good, refused, failed in zip(*shown.values(), strict=True)
        if good is not None and refused is not None and failed is not None
    ]
    if not every:
        return "no data"
    failed = max(value for value in shown["server_errors"] if value is not None)
    words = f"Requests per second over 6 hours: {min(every):.1f} to {max(every):.1f}; server errors up to {failed:.1f}"
    missing = len(shown["good"]) - len(every)
    return f"{words}; no data for {missing * _BIN_SHORT} minutes" if missing else words
