"""The figures of the Traffic page, each compared with a count over the very lines that a genuine Loki got."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import pytest

from hub.traffic.histogram import PERCENTILES, bucket_bounds
from hubdatabase import Postgres
from lokidata import Entry, TrafficHub, entries, fresh_loki, moment_of, push, ranked, traffic_hub, until_found

SHOP, OTHER = "shop.example.com", "other.example.com"
HOUR, DAY = 3600, 86400
# A time at which the steps of all ranges of a day end, half an hour after an hour.
NOW = int(time.time()) // HOUR * HOUR - 2 * HOUR + 1800


def requests_of_shop() -> list[Entry]:
    """Return requests of six days, most of them in the last two, and some on the borders of ranges."""
    found = entries(6000, SHOP, start=NOW - DAY, end=NOW, seed=1)
    found += entries(2500, SHOP, start=NOW - 2 * DAY, end=NOW - DAY, seed=2)
    found += entries(800, SHOP, start=NOW - 6 * DAY, end=NOW - 2 * DAY, seed=3)
    borders = [NOW, NOW - 900, NOW - HOUR, NOW - 6 * HOUR, NOW - DAY, NOW - 2 * DAY]
    found += [Entry(at, SHOP, number=9_000_000 + at, milliseconds=77) for at in borders]
    return sorted(found, key=lambda entry: entry.at)


@pytest.fixture(scope="module")
def lines() -> list[Entry]:
    return requests_of_shop()


@pytest.fixture(scope="module")
def page(postgres: Postgres, lines: list[Entry]) -> Iterator[TrafficHub]:
    """A hub with two domains; all figures are asked as of NOW."""
    loki = fresh_loki("traffic-figures")
    try:
        push(loki, [*lines, *entries(300, OTHER, start=NOW - DAY, end=NOW, seed=4)])
        until_found(loki, SHOP, len(lines))
        with postgres.database() as database, traffic_hub(database, loki, at=NOW) as found:
            found.knows([SHOP, OTHER])
            # The beat moved the clock on.
            found.hub.clock.at = found.hub.clock.at.fromtimestamp(NOW, found.hub.clock.at.tzinfo)
            yield found
    finally:
        loki.remove()


def within(lines: list[Entry], start: int, end: int) -> list[Entry]:
    return [entry for entry in lines if start <= entry.at < end]


def exact(found: list[Entry], share: Fraction) -> float | None:
    """Return the nearest rank over the milliseconds of the lines."""
    ordered = sorted(entry.milliseconds for entry in found)
    return ordered[math.ceil(share * len(ordered)) - 1] / 1000 if ordered else None


def same_bucket(shown: float | None, wanted: float | None) -> bool:
    """Say whether a percentile lies in the bucket of the exact one; exact below 0.1 s."""
    if wanted is None or shown is None:
        return shown is wanted
    whole = round(wanted * 1000)
    text = f"{wanted:.3f}" if whole < 100 else f"{wanted:.3f}"[: 4 if whole < 1000 else 3 if whole < 10000 else -4]
    bounds = bucket_bounds(text)
    assert bounds is not None
    return bounds[0] <= round(shown * 1000) <= bounds[1]


SPANS = {"15m": 900, "1h": HOUR, "6h": 6 * HOUR, "24h": DAY}


@pytest.mark.parametrize("name", SPANS)
def test_the_cards_are_those_of_the_lines(page: TrafficHub, lines: list[Entry], name: str) -> None:
    span = SPANS[name]
    shown = page.panel("cards", domain=SHOP, range=name)
    cards = {card["key"]: card for card in shown["cards"]}
    for key, start, end in (("value", NOW - span, NOW), ("before", NOW - 2 * span, NOW - span)):
        found = within(lines, start, end)
        assert cards["requests"][key] == len(found)
        assert cards["sent"][key] == sum(entry.size for entry in found)
        errors = 100 * sum(entry.klass == "5xx" for entry in found) / len(found)
        assert cards["errors"][key] == pytest.approx(errors, abs=0.0001)
        for percentile, share in PERCENTILES.items():
            assert same_bucket(cards[percentile][key], exact(found, share)), (percentile, key)
    assert shown["range"] == {
        "name": name,
        "from": moment_of(NOW - span),
        "to": moment_of(NOW),
        "step_seconds": shown["range"]["step_seconds"],
    }
    assert shown["compared"]["to"] == moment_of(NOW - span)
    change = cards["requests"]["value"] / cards["requests"]["before"] * 100 - 100
    assert cards["requests"]["change"] == pytest.approx(change, abs=0.001)


@pytest.mark.parametrize("name", [*SPANS, "7d"])
def test_each_step_of_the_charts_is_that_of_the_lines(page: TrafficHub, lines: list[Entry], name: str) -> None:
    status = page.panel("requests", domain=SHOP, range=name)
    step = status["range"]["step_seconds"]
    # Steps of an hour end at an hour.
    end = NOW // min(step, HOUR) * min(step, HOUR)
    count = len(status["chart"]["times"])
    starts = [end - (count - number) * step for number in range(count)]
    assert [time[:19] + "Z" for time in status["chart"]["times"]] == [moment_of(start) for start in starts]
    by_step = [within(lines, start, start + step) for start in starts]
    for series in status["chart"]["series"]:
        wanted = [sum(entry.klass == series["name"] for entry in found) for found in by_step]
        assert [round(value * step) for value in series["values"]] == wanted
    sent = page.panel("bytes", domain=SHOP, range=name)["chart"]["series"][0]["values"]
    for value, found in zip(sent, by_step, strict=True):
        assert value == pytest.approx(sum(entry.size for entry in found) / step, abs=0.0001)
    for series in page.panel("latency", domain=SHOP, range=name)["chart"]["series"]:
        for value, found in zip(series["values"], by_step, strict=True):
            assert same_bucket(value, exact(found, PERCENTILES[series["name"]])), series["name"]


@pytest.mark.parametrize("name", SPANS)
def test_the_tables_are_those_of_the_lines(page: TrafficHub, lines: list[Entry], name: str) -> None:
    found = within(lines, NOW - SPANS[name], NOW)

    def rows(panel: str) -> list[tuple[str, int]]:
        table = page.panel(panel, domain=SHOP, range=name)["table"]
        return [(row["name"], row["requests"]) for row in table["rows"]]

    assert rows("statuses") == ranked((entry.status for entry in found), 100)
    assert rows("methods") == ranked((entry.method for entry in found), 100)
    # Of equal counts at the end of the ten, Loki may choose any.
    for panel, wanted in (("paths", ranked(e.path for e in found)), ("clients", ranked(e.client for e in found))):
        shown = rows(panel)
        assert [count for _name, count in shown] == [count for _name, count in wanted]
        last = wanted[-1][1]
        assert [row for row in shown if row[1] > last] == [row for row in wanted if row[1] > last]
    failed = ranked((entry.path for entry in found if entry.klass == "5xx"), 1000)
    for row in page.panel("paths", domain=SHOP, range=name)["table"]["rows"]:
        assert row["errors"] == dict(failed).get(row["name"], 0)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, lambda entry: True),
        ({"q": "/checkout"}, lambda entry: entry.path == "/checkout"),
        ({"q": "ü"}, lambda entry: entry.path == "/ü"),
        ({"status": "5xx"}, lambda entry: entry.klass == "5xx"),
        ({"status": "404", "method": "POST"}, lambda entry: (entry.status, entry.method) == ("404", "POST")),
        ({"status": "other"}, lambda entry: entry.status == "other"),
        ({"q": "nothing has this"}, lambda entry: False),
    ],
    ids=["all", "path", "not-ascii", "class", "status-and-method", "other", "nothing"],
)
def test_the_log_has_the_newest_lines_and_counts_all(
    page: TrafficHub, lines: list[Entry], query: dict[str, str], wanted: Callable[[Entry], bool]
) -> None:
    found = [entry for entry in within(lines, NOW - DAY, NOW) if wanted(entry)]
    shown = page.panel("log", domain=SHOP, range="24h", **query)["log"]
    assert shown["matches"] == len(found)
    assert len(shown["lines"]) == min(len(found), 100)
    newest = sorted((entry.at for entry in found), reverse=True)[:100]
    assert [line["at"][:19] + "Z" for line in shown["lines"]] == [moment_of(at) for at in newest]
    by_id = {f"{entry.number:032x}": entry for entry in found}
    for line in shown["lines"]:
        entry = by_id[line["id"].partition("-")[2]]
        assert (line["uri"], line["client"]) == (entry.path + entry.query, entry.client)
        assert (line["bytes"], line["seconds"]) == (entry.size, entry.milliseconds / 1000)


def test_a_free_range_has_its_times(page: TrafficHub, lines: list[Entry]) -> None:
    start, end = NOW - 5 * HOUR, NOW - 2 * HOUR
    shown = page.panel("cards", domain=SHOP, **{"from": moment_of(start), "to": moment_of(end)})
    assert (shown["range"]["from"], shown["range"]["to"]) == (moment_of(start), moment_of(end))
    assert shown["cards"][0]["value"] == len(within(lines, start, end))


def test_a_long_range_asks_before_it_reads_lines(page: TrafficHub, lines: list[Entry]) -> None:
    for panel in ("paths", "clients", "log"):
        shown = page.get(f"/traffic/panels/{panel}", domain=SHOP, range="7d")
        assert (shown["state"], shown["cost"], shown[("log" if panel == "log" else "table")]) == ("ask", None, None)
        asked = page.panel(panel, domain=SHOP, range="7d", ask=panel)
        assert asked["cost"]["lines"] > 0
    hour = NOW // HOUR * HOUR
    page.panel("requests", domain=SHOP, range="7d")
    text = page.get("/traffic/panels/paths", domain=SHOP, range="7d")["text"]
    # The open hour is never in memory, so the number is told for closed hours alone.
    assert text.startswith("This reads ")
    table = page.panel("clients", domain=SHOP, range="7d", ask="clients")["table"]
    wanted = ranked(entry.client for entry in within(lines, hour - 7 * DAY, hour))
    assert [row["requests"] for row in table["rows"]] == [count for _name, count in wanted]


def test_closed_hours_are_asked_for_once(page: TrafficHub) -> None:
    page.panel("requests", domain=OTHER, range="6h")
    page.hub.state.traffic.shared.clear()
    again = page.panel("requests", domain=OTHER, range="6h")
    assert again["cost"]["questions"] == 1, "the open hour"
    assert again["cost"]["remembered"] == 6
    page.hub.state.traffic.shared.clear()
    assert page.panel("statuses", domain=OTHER, range="6h")["cost"]["remembered"] == 6


def test_a_domain_without_a_request_has_zeros_and_no_percentile(page: TrafficHub) -> None:
    page.knows([SHOP, OTHER, "quiet.example.com"])
    page.hub.clock.at = page.hub.clock.at.fromtimestamp(NOW, page.hub.clock.at.tzinfo)
    cards = {card["key"]: card for card in page.panel("cards", domain="quiet.example.com", range="1h")["cards"]}
    assert [cards[key]["value"] for key in ("requests", "sent", "errors", "p50", "p99")] == [0, 0, None, None, None]
    assert cards["requests"]["change"] is None
    latency = page.panel("latency", domain="quiet.example.com", range="1h")["chart"]["series"]
    assert {value for series in latency for value in series["values"]} == {None}
    assert page.panel("paths", domain="quiet.example.com", range="1h")["table"]["rows"] == []
    assert page.panel("log", domain="quiet.example.com", range="1h")["log"]["matches"] == 0


def test_the_page_as_json_has_each_panel(page: TrafficHub) -> None:
    whole = page.get("/traffic", domain=SHOP, range="1h", panels="all")
    assert list(whole["panels"]) == [
        "cards", "requests", "latency", "bytes", "statuses", "paths", "methods", "clients", "log",
    ]  # fmt: skip
    assert {panel["state"] for panel in whole["panels"].values()} == {"ok"}
    assert page.get("/traffic", domain=SHOP, range="1h")["panels"] == {}
    assert whole["sources"][0]["state"] == "ok"
