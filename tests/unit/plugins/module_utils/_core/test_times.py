"""Times as text: in RFC 3339, and as a remaining time for people."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.times import parse_time, rfc3339, time_left, time_since

NOON = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (71 * 86400 + 5, "71 d"),
        (3 * 86400, "3 d"),
        (30 * 3600, "30 h"),
        (3 * 3600, "3 h"),
        (300, "5 min"),
        (-5, "0 min"),
    ],
)
def test_time_left(seconds: int, text: str) -> None:
    assert time_left(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(-5, "0 s"), (8, "8 s"), (60, "1 min"), (30 * 3600, "30 h")])
def test_time_since(seconds: int, text: str) -> None:
    assert time_since(seconds) == text


def test_rfc3339_is_in_utc_and_to_the_second() -> None:
    berlin = datetime.timezone(datetime.timedelta(hours=1))
    assert rfc3339(NOON.replace(hour=13, microsecond=987654, tzinfo=berlin)) == "2026-11-24T12:00:00Z"
    assert rfc3339(None) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T12:00:00Z",
        "2026-11-24T13:00:00+01:00",
        "2026-11-24T12:00:00.123456789Z",
        "2026-11-24 12:00:00+00:00",
    ],
)
def test_parse_time(text: str) -> None:
    assert parse_time(text) == NOON


@pytest.mark.parametrize("value", [None, 7, "", "soon", "2026-11-24T12:00:00", "2026-13-24T12:00:00Z"], ids=str)
def test_what_is_no_time_is_none(value: object) -> None:
    assert parse_time(value) is None
