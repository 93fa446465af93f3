"""The minutes of the fleet: each one is what the lines say, a minute that nobody could ask for is unknown, not zero."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import rig
from hub.traffic.client import Loki, LokiDownError
from hub.traffic.filling import next_wait
from hub.traffic.fleet import fleet_view, overview_of
from hub.traffic.minutes import HELD, Minutes, status_class
from hubdatabase import Postgres
from hubnode import FakeClock
from lokidata import Entry, entries, fresh_loki, push, traffic_hub, until_found

MINUTE, HOUR, DAY = 60, 3600, 86400
# Half past an hour, so that hours of the day and hours of the ring differ.
NOW = int(time.time()) // HOUR * HOUR - HOUR - 1800
NAMES = [f"shop{number}.example.com" for number in range(6)]


@pytest.fixture(scope="module")
def loki() -> Iterator[rig.Loki]:
    found = fresh_loki("traffic-minutes")
    yield found
    found.remove()


@pytest.fixture(scope="module")
def lines(loki: rig.Loki) -> list[Entry]:
    """Requests of 26 hours of six domains, none of them in one hour of the night."""
    found: list[Entry] = []
    for number, name in enumerate(NAMES):
        found += entries(900 // (number + 1), name, start=NOW - 26 * HOUR, end=NOW - 1, seed=number)
    quiet = (NOW - 9 * HOUR, NOW - 8 * HOUR)
    found = [entry for entry in found if not quiet[0] <= entry.at < quiet[1]]
    found += [Entry(at, NAMES[0], number=7_000_000 + at) for at in (NOW - HOUR, NOW - MINUTE, NOW - 2 * MINUTE)]
    push(loki, found)
    for name in NAMES:
        until_found(loki, name, sum(entry.domain == name for entry in found))
    return found


class Ring:
    """The minutes in the hand of a test: its clock, and one step after the other."""

    def __init__(self, loki: rig.Loki, at: int) -> None:
        self.clock = FakeClock()
        # Five seconds later the minute that ends at NOW is asked for.
        self.clock.at = datetime.fromtimestamp(at + 5, UTC)
        self.loki = Loki(loki.url, clock=self.clock)
        self.minutes = Minutes(self.loki)

    async def fill(self, most: int = 100) -> int:
        """Step until there is nothing to ask for; return how many steps that took."""
        for steps in range(most):
            if not await self.minutes.step():
                return steps
        raise AssertionError("there is no end")


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def counted(lines: list[Entry], end: int) -> dict[str, int]:
    return dict(Counter(entry.klass for entry in lines if end - MINUTE <= entry.at < end))


def compare(ring: Ring, lines: list[Entry], newest: int) -> None:
    """Compare each minute of the ring with the lines."""
    by_minute: dict[int, Counter[str]] = {}
    for entry in lines:
        by_minute.setdefault(entry.at // MINUTE * MINUTE, Counter())[entry.klass] += 1
    series = ring.minutes.series(timedelta(hours=24))
    assert len(series) == HELD
    for number, (at, found) in enumerate(reversed(series)):
        start = newest - (number + 1) * MINUTE
        assert int(at.timestamp()) == start
        assert found == dict(by_minute.get(start, {})), at


def test_the_ring_is_filled_backwards_and_each_minute_is_that_of_the_lines(loki: rig.Loki, lines: list[Entry]) -> None:
    async def work() -> None:
        ring = Ring(loki, NOW)
        assert {found for _at, found in ring.minutes.series(timedelta(hours=1))} == {None}
        assert ring.minutes.requests_of(NAMES[0]) is None
        await ring.minutes.step()
        assert ring.minutes.classes == {NOW: counted(lines, NOW)}
        await ring.minutes.step()
        known = sorted(ring.minutes.classes)
        assert known[-1] - known[0] < HOUR, "the newest hour comes first"
        steps = await ring.fill()
        assert steps < 60
        compare(ring, lines, NOW)
        last_hour = [entry for entry in lines if NOW - HOUR <= entry.at < NOW]
        requests = Counter(entry.domain for entry in last_hour)
        errors = Counter(entry.domain for entry in last_hour if entry.klass == "5xx")
        for name in NAMES:
            assert ring.minutes.requests_of(name) == requests[name]
        assert ring.minutes.requests_of("unknown.example.com") == 0
        wanted = sorted(requests.items(), key=lambda entry: (-entry[1], entry[0]))
        assert ring.minutes.busiest(4) == [(name, count, errors[name]) for name, count in wanted[:4]]
        await ring.loki.close()

    run(work())


def test_each_new_minute_is_one_question(loki: rig.Loki, lines: list[Entry]) -> None:
    async def work() -> None:
        ring = Ring(loki, NOW - 2 * MINUTE)
        await ring.fill()
        for minute in (NOW - MINUTE, NOW):
            ring.clock.forward(MINUTE)
            shown = ring.minutes.series(timedelta(minutes=2))
            assert shown[-1][1] is not None, "while the minute is asked for, the chart ends with the one before"
            assert await ring.minutes.step()
            assert not await ring.minutes.step()
            assert ring.minutes.series(timedelta(minutes=1))[0][1] == counted(lines, minute)
        assert len(ring.minutes.classes) == HELD
        assert len(ring.minutes.domains) <= 62
        await ring.loki.close()

    run(work())


def test_a_gap_is_unknown_until_loki_is_back(loki: rig.Loki, lines: list[Entry]) -> None:
    async def work() -> None:
        ring = Ring(loki, NOW - 20 * MINUTE)
        await ring.fill()
        before = overview_of(ring.minutes)
        assert before["total"] == sum(NOW - 20 * MINUTE - DAY <= entry.at < NOW - 20 * MINUTE for entry in lines)
        loki.stop()
        try:
            for _ in range(20):
                ring.clock.forward(MINUTE)
                with pytest.raises(LokiDownError):
                    await ring.minutes.step()
            shown = ring.minutes.series(timedelta(minutes=25))
            assert [found is None for _at, found in shown][-19:] == [True] * 19
            assert shown[0][1] is not None
            assert ring.minutes.requests_of(NAMES[0]) is None
            gone = overview_of(ring.minutes)
            assert gone["per_second"] is None
            assert gone["good"][-9:] == [None] * 9
            assert "no data for" in gone["summary"]
            assert fleet_view(ring.minutes)["chart"]["series"][0]["values"][-1] is None
            entry = ring.minutes.state()
            assert (entry["state"], "does not answer since" in entry["text"]) == ("bad", True)
        finally:
            loki.start()
        ring.loki.source.tried = float("-inf")
        await ring.fill()
        compare(ring, lines, NOW)
        assert ring.minutes.state()["state"] == "ok"
        await ring.loki.close()

    run(work())


def test_lines_that_come_late_are_counted_in_the_end(loki: rig.Loki, lines: list[Entry]) -> None:
    async def work() -> None:
        ring = Ring(loki, NOW)
        await ring.fill()
        late = [Entry(NOW + 30, "late.example.com", number=8_000_000 + number) for number in range(5)]
        ring.clock.forward(2 * MINUTE)
        await ring.fill()
        assert ring.minutes.classes[NOW + MINUTE] == {}
        push(loki, late)
        until_found(loki, "late.example.com", 5)
        for _ in range(50):
            ring.clock.forward(MINUTE)
            await ring.fill()
        assert ring.minutes.classes[NOW + MINUTE] == {"2xx": 5}
        await ring.loki.close()

    run(work())


def test_more_domains_than_loki_tells_leave_the_domains_unknown_and_the_classes_known() -> None:
    small = fresh_loki("traffic-small", "-querier.max-query-series=12")
    try:
        found = [Entry(NOW - 30, f"d{number}.example.com", number=number) for number in range(40)]
        push(small, found)

        async def work() -> None:
            ring = Ring(small, NOW)
            await ring.fill()
            assert ring.minutes.classes[NOW] == {"2xx": 40}
            assert ring.minutes.requests_of("d1.example.com") is None
            assert ring.minutes.busiest(5) == []
            assert ring.minutes.state()["state"] == "ok"
            await ring.loki.close()

        run(work())
    finally:
        small.remove()


def test_a_hub_starts_and_stops_while_loki_is_away(postgres: Postgres) -> None:
    nowhere = rig.Loki("none", "http://127.0.0.1:9")
    began = time.monotonic()
    with postgres.database() as database, traffic_hub(database, nowhere) as page:
        time.sleep(0.5)
        assert page.get("/overview")["traffic"]["total"] is None
        assert page.get("/traffic")["sources"][0]["state"] == "bad"
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    ("failures", "asked", "seconds"),
    [(0, True, 2), (0, False, 5), (1, False, 5), (2, True, 10), (3, False, 20), (6, False, 120), (500, False, 120)],
)
def test_a_loki_that_is_away_is_asked_less_and_less_often(failures: int, asked: bool, seconds: float) -> None:
    for chance in (0.0, 0.5, 1.0):
        waits = next_wait(failures, asked=asked, chance=chance)
        assert 0.79 * seconds <= waits <= 1.21 * seconds


@pytest.mark.parametrize(
    ("status", "name"), [("200", "2xx"), ("101", "1xx"), ("504", "5xx"), ("other", "other"), ("", "other")]
)
def test_the_class_of_a_status(status: str, name: str) -> None:
    assert status_class(status) == name
