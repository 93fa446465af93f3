"""The templates of the pages, with the few words that they need: sizes, times, whole numbers, and addresses."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hub.core import parse_time
from hub.web.assets import Assets
from hub.web.draw import chart, spark

__all__ = ("environment",)

_TEMPLATES = Path(__file__).with_name("templates")
NOTHING = "—"
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]+)?Z")


def environment(assets: Assets) -> Environment:
    """Return the environment of all templates. Every value is escaped."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(asset=assets.path, link=_link, chart=chart, spark=spark, NOTHING=NOTHING)
    made.filters.update(size=_size, number=_number, moment=_moment, day=_day, percent=_percent, readable=_readable)
    return made


def _link(path: str, query: Mapping[str, Any], **changed: Any) -> str:
    """Return an address with the values of a query, some of them changed. None and an empty text leave a value out."""
    values = {name: value for name, value in {**query, **changed}.items() if value not in (None, "")}
    return f"{path}?{urlencode(values)}" if values else path


def _size(value: float | None) -> str:
    """Return bytes in the unit that fits."""
    if value is None:
        return NOTHING
    found, units = float(value), ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
    for unit in units:
        if abs(found) < 1024 or unit == units[-1]:
            break
        found /= 1024
    digits = 1 if unit not in ("B", "KiB") and found < 100 else 0
    return f"{found:,.{digits}f} {unit}"


def _number(value: float | None, digits: int = 0) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}"


def _percent(part: float | None, digits: int = 0) -> str:
    return NOTHING if part is None else f"{part * 100:.{digits}f} %"


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> datetime | None:
    return parse_time(text)


def _moment(text: str | None) -> str:
    """Return a time in UTC to the second. It holds the day, because an age would be wrong a moment later."""
    found = _parsed(text) if text else None
    return NOTHING if found is None else f"{found:%-d %b %H:%M:%S}"


def _readable(text: str) -> str:
    """Return a text whose times (RFC 3339) are written as all other times of the page."""
    return _TIME.sub(lambda found: _moment(found[0]), text)


def _day(text: str | None) -> str:
    found = _parsed(text) if text else None
    return NOTHING if found is None else f"{found:%-d %b %Y}"
