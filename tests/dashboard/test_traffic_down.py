"""Loki away: each page is there and says so, nothing is invented, and the figures come back with Loki."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

import rig
from hub.traffic import client, panels
from hub.traffic.panels import PANELS
from hubapp import Hub
from hubdatabase import Postgres
from lokidata import TrafficHub, entries, fresh_loki, push, traffic_hub, until, until_found

SHOP = "shop.example.com"
NOW = int(time.time()) // 60 * 60 - 300
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def page(postgres: Postgres) -> Iterator[TrafficHub]:
    loki = fresh_loki("traffic-down")
    try:
        push(loki, entries(2000, SHOP, start=NOW - 3000, end=NOW - 1))
        until_found(loki, SHOP, 2000)
        with postgres.database() as database, traffic_hub(database, loki, at=NOW) as found:
            found.knows([SHOP])
            found.hub.clock.forward(-30)
            yield found
    finally:
        loki.remove()


def _forget(page: TrafficHub) -> None:
    traffic = page.hub.state.traffic
    traffic.shared.clear()
    traffic.hours.kept.clear()


def test_a_stopped_loki_is_told_and_comes_back(page: TrafficHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PAUSE", 0.5)
    good = page.get("/traffic", domain=SHOP, range="1h", panels="all")
    assert {panel["state"] for panel in good["panels"].values()} == {"ok"}
    page.loki.stop()
    _forget(page)
    began = time.monotonic()
    down = page.get("/traffic", domain=SHOP, range="1h", panels="all")
    assert time.monotonic() - began < 10, "a page does not wait once per panel"
    for panel in down["panels"].values():
        assert panel["state"] == "down"
        assert (panel["cards"], panel["chart"], panel["table"], panel["log"], panel["cost"]) == (None,) * 5
        assert panel["since"] is not None
    [source] = [entry for entry in down["sources"] if entry["name"] == "Loki"]
    assert (source["state"], "does not answer since" in source["text"]) == ("bad", True)
    for path in (f"/traffic?domain={SHOP}&panels=all", f"/traffic?domain={SHOP}", "/traffic", "/", "/domains"):
        response = page.hub.client.get(path, headers=HTML)
        assert response.status_code == 200
        assert "does not answer" in response.text, path
    for panel in PANELS:
        text = page.hub.client.get(f"/traffic/panels/{panel}?domain={SHOP}&range=1h", headers=HTML).text
        assert "no data" in text, panel
        assert "Traceback" not in text
    page.loki.start()

    def back() -> bool:
        found = page.get("/traffic", domain=SHOP, range="1h", panels="all")
        return {panel["state"] for panel in found["panels"].values()} == {"ok"}

    until(back)
    again = page.get("/traffic", domain=SHOP, range="1h", panels="all")
    assert again["panels"]["cards"]["cards"] == good["panels"]["cards"]["cards"]
    assert again["panels"]["log"]["log"] == good["panels"]["log"]["log"]
    assert again["sources"][0]["state"] == "ok"


def test_a_loki_that_hangs_is_told(page: TrafficHub) -> None:
    loki = page.hub.state.traffic.loki
    before, loki.seconds = loki.seconds, 1.0
    _forget(page)
    rig.docker("pause", page.loki.container)
    try:
        shown = page.get("/traffic/panels/requests", domain=SHOP, range="1h")
        assert (shown["state"], "no answer within 1 s" in shown["text"]) == ("down", True)
    finally:
        rig.docker("unpause", page.loki.container)
        loki.seconds = before
        loki.source.tried = float("-inf")
    until(lambda: page.get("/traffic/panels/requests", domain=SHOP, range="1h")["state"] == "ok")


def test_a_panel_that_takes_long_says_so_and_goes_on(page: TrafficHub, monkeypatch: pytest.MonkeyPatch) -> None:
    _forget(page)
    with monkeypatch.context() as hurried:
        hurried.setattr(panels, "_PATIENCE", 0.0)
        shown = page.get("/traffic/panels/cards", domain=SHOP, range="1h")
        assert (shown["state"], shown["cards"], shown["cost"]) == ("busy", None, None)
        text = page.hub.client.get(f"/traffic/panels/cards?domain={SHOP}&range=1h", headers=HTML).text
        assert "Still reading" in text
        assert 'hx-trigger="every 10s' in text, "it asks again by itself"
    assert page.panel("cards", domain=SHOP, range="1h")["cards"][0]["value"] > 0


def test_what_loki_refuses_is_short_escaped_text(page: TrafficHub) -> None:
    _forget(page)
    loki = page.hub.state.traffic.loki
    asked: list[str] = []

    def wrong(query: str, **_more: object) -> object:
        asked.append(query)
        return original(query + "\u202e<b> {{ !!", **_more)  # type: ignore[arg-type]

    original = loki.series
    loki.series = wrong  # type: ignore[method-assign,assignment]
    try:
        shown = page.get("/traffic/panels/requests", domain=SHOP, range="1h")
        text = page.hub.client.get(f"/traffic/panels/requests?domain={SHOP}&range=1h", headers=HTML).text
    finally:
        loki.series = original  # type: ignore[method-assign]
    assert asked
    assert shown["state"] == "refused"
    assert len(shown["text"]) < 300
    assert "\u202e" not in shown["text"]
    assert "<b>" not in text
    assert page.get("/traffic", domain=SHOP)["sources"][0]["state"] == "ok", "Loki itself is well"


def test_the_list_of_domains_stays_if_the_database_is_away(page: TrafficHub, postgres: Postgres) -> None:
    postgres.stop()
    try:
        page.hub.state.fleet.view()
        shown = page.get("/traffic", domain=SHOP, range="1h", panels="all")
        assert {panel["state"] for panel in shown["panels"].values()} == {"ok"}
        assert [source["state"] for source in shown["sources"]] == ["ok", "bad"]
    finally:
        postgres.start()
    page.hub.state.fleet.view()


def test_a_hub_without_loki_says_so(hub: Hub) -> None:
    shown = hub.client.get("/api/v1/traffic").json()
    assert (shown["fleet"], shown["sources"][0]["state"]) == (None, "silent")
    assert "not set up" in shown["sources"][0]["text"]
    assert hub.client.get("/traffic", headers=HTML).status_code == 200
    assert hub.client.get("/", headers=HTML).status_code == 200
