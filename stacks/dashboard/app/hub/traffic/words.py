"""How the templates write what the Traffic page shows: amounts with their units, changes, costs, charts in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment

from hub.core import parse_time
from hub.traffic.panels import PANELS
from hub.traffic.queries import METHODS, STATUSES
from hub.web.draw import chart

__all__ = ("add_words",)

_NOTHING = "no data"
_LABELS = 7
_HOUR, _DAY = 3600, 86400
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
# The class of each line of a chart. Status classes keep their colours, whichever of them there are.
_PLACES = {"2xx": 1, "3xx": 2, "4xx": 3, "5xx": 4, "1xx": 5, "other": 5, "p50": 1, "p95": 3, "p99": 4, "sent": 2}
_LONG = {"15m": "15 minutes", "1h": "hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}
_COST_FROM = 0.001


def add_words(environment: Environment) -> None:
    """Let the templates of an environment use these words, as ``traffic``."""
    environment.globals["traffic"] = SimpleNamespace(
        amount=amount,
        change=change,
        cost=cost,
        drawn=drawn,
        in_words=in_words,
        marked=marked,
        methods=METHODS,
        panels=PANELS,
        place=place,
        plotted=plotted,
        range_words=range_words,
        statuses=STATUSES,
        times=short_times,
    )


def amount(value: float | None, unit: str) -> str:
    """Return a value with its unit."""
    if value is None:
        return _NOTHING
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "percent":
        return f"{value:.2f} %"
    if unit == "seconds":
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
    if unit.startswith("bytes"):
        return _bytes(value) + ("/s" if unit == "bytes per second" else "")
    return f"{value:,.2f}" if 0 < value < 10 else f"{value:,.0f}"


def _bytes(value: float) -> str:
    for unit in _UNITS:
        if abs(value) < 1000 or unit == _UNITS[-1]:
            return f"{value:,.1f} {unit}" if unit != "B" and value < 100 else f"{value:,.0f} {unit}"
        value /= 1000
    return _NOTHING


def change(card: Mapping[str, Any]) -> tuple[str, str]:
    """Return the change of a card in words, and its class: more errors or slower answers are worse, more is not."""
    found = card["change"]
    if found is None:
        return "—", ""
    sign = "+" if found > 0 else "−" if found < 0 else "±"
    size = abs(found)
    if card["unit"] in ("count", "bytes"):
        return f"{sign}{size:.1f} %", ""
    text = f"{size:.2f} pt" if card["unit"] == "percent" else amount(size, "seconds")
    return f"{sign}{text}", "up" if found > 0 else "down" if found < 0 else ""


def cost(found: Mapping[str, Any] | None) -> str:
    """Return what was read for a panel."""
    if found is None:
        return ""
    read = f"{found['lines']:,} lines read in {max(found['seconds'], _COST_FROM):.3g} s" if found["questions"] else ""
    remembered = "rest from memory" if read else "from memory"
    return ", ".join(part for part in (read, remembered if found["remembered"] else "") if part)


def drawn(found: Mapping[str, Any], *, stacked: bool = False) -> dict[str, Any] | None:
    """Return the paths and the labels of a chart."""
    unit = found["unit"]
    scale: Callable[[float], str] = lambda value: _scale(value, unit)  # noqa: E731
    values = [series["values"] for series in found["series"]]
    return chart(values, _labels(found), stacked=stacked, unit=scale)


def plotted(found: Mapping[str, Any], stacked: bool) -> dict[str, Any]:
    """Return what the script of the page draws a chart of: times in seconds since 1970, values, and values as text."""
    unit = found["unit"]
    return {
        "stacked": stacked,
        "unit": unit,
        "times": [int(_time(time).timestamp()) for time in found["times"]],
        "series": [
            {
                "name": series["name"],
                "colour": place(series["name"]),
                "values": series["values"],
                "texts": [amount(value, unit) for value in series["values"]],
            }
            for series in found["series"]
        ],
    }


def _scale(value: float, unit: str) -> str:
    if unit == "seconds":
        return "0" if not value else f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"
    return amount(value, unit) if unit.startswith("bytes") else f"{value:,g}"


def place(name: str) -> int:
    """Return the number of the colour of a line."""
    return _PLACES.get(name, 1)


def _labels(found: Mapping[str, Any]) -> list[str]:
    first, last = _time(found["times"][0]), _time(found["to"])
    seconds = (last - first).total_seconds()
    form = "%H:%M" if seconds <= _DAY else "%-d %b %H:%M" if seconds < 5 * _DAY else "%-d %b"
    return [f"{first + (last - first) * number / (_LABELS - 1):{form}}" for number in range(_LABELS)]


def short_times(found: Mapping[str, Any]) -> Iterator[tuple[str, list[float | None]]]:
    """Yield the start of each step with the values of all lines: the rows of a chart's table, the newest first."""
    columns = [series["values"] for series in found["series"]]
    rows = list(zip(found["times"], *columns, strict=True))
    for time, *values in reversed(rows):
        yield f"{_time(time):%-d %b %H:%M:%S}", values


def in_words(title: str, found: Mapping[str, Any]) -> str:
    """Return a chart in words: between what its lines lie, and when each is highest."""
    parts = []
    for series in found["series"]:
        known = [
            (value, time) for value, time in zip(series["values"], found["times"], strict=True) if value is not None
        ]
        if known:
            (top, time), low = max(known), min(known)[0]
            at = f"{_time(time):%-d %b %H:%M}"
            between = f"{amount(low, found['unit'])} to {amount(top, found['unit'])}"
            parts.append(f"{series['name']} {between}, highest at {at}")
    return f"{title}: {'; '.join(parts) or _NOTHING}"


def marked(text: str, wanted: str) -> list[tuple[bool, str]]:
    """Return the parts of a text, and of each whether it is what was searched for."""
    if not wanted or wanted not in text:
        return [(False, text)]
    found: list[tuple[bool, str]] = []
    for number, part in enumerate(text.split(wanted)):
        found += [(True, wanted)] if number else []
        found += [(False, part)] if part else []
    return found


def range_words(found: Mapping[str, Any]) -> str:
    """Return how long a range is."""
    if found["name"] in _LONG:
        return _LONG[found["name"]]
    hours = (_time(found["to"]) - _time(found["from"])).total_seconds() / _HOUR
    return f"{hours / 24:.3g} days" if hours > 48 else f"{hours:.3g} hours"


def _time(text: str) -> datetime:
    found = parse_time(text)
    if found is None:
        raise ValueError(text)
    return found
