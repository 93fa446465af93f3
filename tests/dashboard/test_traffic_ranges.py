"""Ranges, and percentiles of buckets: pure, so a table of cases."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from hub.errors import HubError
from hub.traffic.histogram import PERCENTILES, bucket_bounds, percentile, percentiles
from hub.traffic.hours import Hours
from hub.traffic.ranges import NAMES, asked_range

AT = datetime(2026, 11, 30, 14, 32, 7, 999, tzinfo=UTC)


def text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("name", "start", "end", "steps"),
    [
        ("15m", "2026-11-30 14:17:00", "2026-11-30 14:32:00", 60),
        ("1h", "2026-11-30 13:32:00", "2026-11-30 14:32:00", 60),
        ("6h", "2026-11-30 08:30:00", "2026-11-30 14:30:00", 120),
        ("24h", "2026-11-29 14:30:00", "2026-11-30 14:30:00", 144),
        ("7d", "2026-11-23 14:00:00", "2026-11-30 14:00:00", 168),
        ("30d", "2026-10-31 14:00:00", "2026-11-30 14:00:00", 120),
    ],
)
def test_a_named_range_ends_with_its_last_closed_step(name: str, start: str, end: str, steps: int) -> None:
    found = asked_range(name, "", "", at=AT)
    assert (text(found.start), text(found.end), len(found.times)) == (start, end, steps)
    before = found.before()
    assert (before.end, before.span, before.step) == (found.start, found.span, found.step)
    assert found.long == (name in ("7d", "30d"))


def test_a_day_is_the_default() -> None:
    assert asked_range("", "", "", at=AT) == asked_range("24h", "", "", at=AT)


@pytest.mark.parametrize(
    ("start", "end", "shown", "step"),
    [
        ("2026-11-30T10:00", "2026-11-30T11:00", ("2026-11-30 10:00:00", "2026-11-30 11:00:00"), 30),
        ("2026-11-30T10:00:01Z", "2026-11-30T10:59:59Z", ("2026-11-30 10:00:00", "2026-11-30 11:00:00"), 30),
        ("2026-11-30T11:00+01:00", "2026-11-30T12:00+01:00", ("2026-11-30 10:00:00", "2026-11-30 11:00:00"), 30),
        ("2026-11-29 00:00", "2026-11-30 00:00", ("2026-11-29 00:00:00", "2026-11-30 00:00:00"), 600),
        ("2026-11-01 00:00", "2026-11-30 00:00", ("2026-11-01 00:00:00", "2026-11-30 00:00:00"), 21600),
        # Until a time that has not come yet: until the last closed step.
        ("2026-11-30T14:00", "2027-01-01T00:00", ("2026-11-30 14:00:00", "2026-11-30 14:32:00"), 15),
    ],
)
def test_a_free_range_holds_its_times(start: str, end: str, shown: tuple[str, str], step: int) -> None:
    found = asked_range("", start, end, at=AT)
    assert ((text(found.start), text(found.end)), found.step, found.name) == (shown, step, "free")
    assert len(found.times) <= 181
    assert found.start % found.base == 0


@pytest.mark.parametrize(
    ("name", "start", "end", "field"),
    [
        ("2h", "", "", "range"),
        ("24H", "", "", "range"),
        ("24h ", "", "", "range"),
        ("", "2026-11-30T10:00", "", "to"),
        ("", "", "2026-11-30T10:00", "from"),
        ("", "2026-11-30T10:00", "2026-11-30T10:00", "from"),
        ("", "2026-11-30T11:00", "2026-11-30T10:00", "from"),
        ("", "2026-10-01T10:00", "2026-11-30T10:00", "from"),
        ("", "2027-11-30T10:00", "2027-12-01T10:00", "from"),
        ("", "2026-13-30T10:00", "2026-11-30T10:00", "from"),
        ("", "2026-11-30T10:00", "2026-11-30T25:00", "to"),
        ("", "9999-12-31T23:59-23:59", "2026-11-30T10:00", "from"),
        ("", "now", "2026-11-30T10:00", "from"),
        ("", "٢٠٢٦-11-30T10:00", "2026-11-30T10:00", "from"),
        ("", "2026-11-30T10:00\n", "2026-11-30T10:00", "from"),
    ],
)
def test_a_wrong_range_names_its_field(name: str, start: str, end: str, field: str) -> None:
    with pytest.raises(HubError) as refused:
        asked_range(name, start, end, at=AT)
    assert (refused.value.status, refused.value.field) == (400, field)


def test_each_step_divides_an_hour_or_is_hours() -> None:
    for span, step in NAMES.values():
        assert 3600 % step == 0 or step % 3600 == 0
        assert span % step == 0


@pytest.mark.parametrize(
    ("bucket", "bounds"),
    [
        ("0.000", (0, 0)),
        ("0.041", (41, 41)),
        ("0.24", (240, 249)),
        ("1.2", (1200, 1299)),
        ("9.9", (9900, 9999)),
        ("12", (12000, 12999)),
        ("", None),
        ("0.", None),
        ("x", None),
        ("1.2345", None),
        ("-1", None),
    ],
)
def test_the_bounds_of_a_bucket(bucket: str, bounds: tuple[int, int] | None) -> None:
    assert bucket_bounds(bucket) == bounds


def bucket_of(milliseconds: int) -> str:
    """Return the bucket of a time, as the regular expression of the query cuts it."""
    written = f"{milliseconds / 1000:.3f}"
    if milliseconds < 100:
        return written
    if milliseconds < 1000:
        return written[:4]
    return written[:3] if milliseconds < 10_000 else written[:-4]


@pytest.mark.parametrize("seed", range(20))
def test_a_percentile_lies_in_the_bucket_of_the_exact_one(seed: int) -> None:
    chance = random.Random(seed)
    times = [int(chance.lognormvariate(4.5, 1.7)) for _ in range(chance.choice((1, 2, 3, 99, 1000, 5000)))]
    found = percentiles(Counter(bucket_of(value) for value in times))
    for name, share in PERCENTILES.items():
        exact = sorted(times)[math.ceil(share * len(times)) - 1]
        bounds = bucket_bounds(bucket_of(exact))
        shown = found[name]
        assert bounds is not None
        assert shown is not None
        assert bounds[0] <= round(shown * 1000) <= bounds[1]
        if exact < 100:
            assert shown * 1000 == pytest.approx(exact)


def test_buckets_add_up_and_percentiles_do_not() -> None:
    quick, slow = Counter({"0.010": 99, "5.0": 1}), Counter({"0.010": 1, "5.0": 99})
    half = Fraction(1, 2)
    parts = percentile(quick, half), percentile(slow, half)
    assert parts == (0.01, pytest.approx(5.05, abs=0.05))
    assert percentile(quick + slow, half) == 0.01
    assert percentile(Counter(), half) is None
    assert percentile(Counter({"": 5}), half) is None


def test_the_memory_of_hours_is_bounded() -> None:
    hours = Hours(None, None, most=1000)  # type: ignore[arg-type]
    for hour in range(0, 3600 * 500, 3600):
        hours._keep(("d", "counts", 60, hour), ({("200", "GET"): 1.0},) * 10)
    assert hours.numbers <= 1000
    assert len(hours.kept) == 50
    assert ("d", "counts", 60, 3600 * 499) in hours.kept
