"""The Traffic page in a real browser: panels come when they are seen, keep what a reader did, and follow the log."""

from __future__ import annotations

import gzip
import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from browser import PICTURES, SIZES, Browsing, assets, browsing
from hub.traffic.panels import PANELS
from hubdatabase import Postgres
from lokidata import Entry, TrafficHub, entries, fresh_loki, push, served_hub, until, until_found

SHOP = "shop.example.com"
LONG = ".".join(["a" * 63] * 3 + ["b" * 60])
NOW = int(time.time()) // 60 * 60 - 300
HOUR, DAY = 3600, 86400
_LOADED = "[...document.querySelectorAll('section[data-poll]')].map(found => found.id.replace('panel-', ''))"

pytestmark = pytest.mark.timeout(300)


class Reader:
    """A browser that reads the pages of a hub."""

    def __init__(self, page: TrafficHub, to: Browsing) -> None:
        self.page = page
        self.open = to.open
        self.violations = to.violations


@pytest.fixture(scope="module")
def reader(postgres: Postgres) -> Iterator[Reader]:
    loki = fresh_loki("traffic-page")
    hostile = [
        Entry(NOW - 50, SHOP, path="/" + "x" * 700, agent="<b>", number=900_001),
        Entry(NOW - 49, SHOP, path="/<img src=x onerror=alert(1)>", client="2001:db8:1234:5678:9abc:def0:1234:5678"),
    ]
    try:
        lines = entries(3000, SHOP, start=NOW - DAY, end=NOW - 60)
        push(loki, [*lines, *hostile, *entries(50, LONG, start=NOW - HOUR, end=NOW - 60, seed=3)])
        until_found(loki, SHOP, 3002)
        with (
            browsing() as to,
            postgres.database() as database,
            served_hub(database, loki, at=NOW + 5, assets=assets(), port=to.port) as page,
        ):
            page.knows([SHOP, LONG])
            page.hub.clock.forward(-30)
            until(page.hub.state.traffic.minutes.knows_hour)
            yield Reader(page, to)
    finally:
        loki.remove()


def _seen(page: Page) -> None:
    """Scroll over the whole page, so that each panel was seen."""
    for _ in range(40):
        if len(page.evaluate(_LOADED)) == len(PANELS):
            break
        page.mouse.wheel(0, 500)
        page.wait_for_timeout(150)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(100)


_CASES = {"day": f"?domain={SHOP}", "fleet": "", "ask": f"?domain={SHOP}&range=7d", "long": f"?domain={LONG}&range=1h"}
# The others are looked at by `make test-long`.
_ALWAYS = {
    ("fleet", "desktop", "light"),
    ("ask", "phone", "dark"),
    ("long", "desktop", "dark"),
    ("long", "phone", "light"),
}


def _looks() -> Iterator[Any]:
    for case, size, theme in itertools.product(_CASES, SIZES, ("light", "dark")):
        always = case == "day" or (case, size, theme) in _ALWAYS
        yield pytest.param(case, size, theme, id=f"{case}-{size}-{theme}", marks=() if always else pytest.mark.long)


@pytest.mark.parametrize(("case", "size", "theme"), list(_looks()))
def test_the_page_can_be_read_by_everybody(reader: Reader, case: str, size: str, theme: str) -> None:
    page = reader.open(f"/traffic{_CASES[case]}", size=size, theme=theme)
    if _CASES[case]:
        _seen(page)
        assert sorted(page.evaluate(_LOADED)) == sorted(PANELS)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"traffic-{case}-{size}-{theme}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    found = reader.violations(page)
    complaints = list(page.complaints)  # type: ignore[attr-defined]
    page.context.close()
    assert wide <= 0, f"{wide} px too wide"
    assert found == []
    assert complaints == []


def test_panels_load_when_they_are_seen(reader: Reader) -> None:
    page = reader.open(f"/traffic?domain={SHOP}&range=1h")
    page.locator("#panel-cards[data-poll]").wait_for(state="attached")
    page.wait_for_timeout(500)
    first = page.evaluate(_LOADED)
    assert "cards" in first
    assert "log" not in first
    assert "clients" not in first
    _seen(page)
    assert sorted(page.evaluate(_LOADED)) == sorted(PANELS)
    page.context.close()


_COLOURS = """() => { const c = document.querySelector("#panel-latency canvas"), d = c.getContext("2d");
  const seen = new Set(), p = d.getImageData(0, 0, c.width, c.height).data;
  for (let i = 0; i < p.length; i += 4) if (p[i + 3] > 250) seen.add(`${p[i]},${p[i + 1]},${p[i + 2]}`);
  return [...seen]; }"""


def test_a_chart_is_read_with_a_pointer(reader: Reader) -> None:
    page = reader.open(f"/traffic?domain={SHOP}&range=24h")
    _seen(page)
    box = page.locator("#panel-latency .plotted")
    box.locator(".uplot").wait_for()
    over = box.locator(".u-over").bounding_box()
    assert over is not None
    page.locator("#panel-latency").scroll_into_view_if_needed()
    over = box.locator(".u-over").bounding_box()
    assert over is not None
    page.mouse.move(over["x"] + over["width"] / 2, over["y"] + over["height"] / 2)
    told = box.locator(".u-legend .u-series .u-value").all_inner_texts()
    page.locator("#panel-latency summary").click()
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#panel-latency tbody tr").all()]
    # The legend says of one point in time what the table says: the lines are drawn from the last to the first.
    assert [told[3], told[2], told[1]] in [row[1:4] for row in rows], told
    # The colours are those of the sheet, also in the other theme.
    light = page.evaluate(_COLOURS)
    page.locator('[data-do="theme"]').click()
    dark = page.evaluate(_COLOURS)
    assert "59,76,192" in light
    assert "143,156,255" in dark
    assert "59,76,192" not in dark
    assert page.complaints == []  # type: ignore[attr-defined]
    page.context.close()


_REFRESH = """() => new Promise((resolve, reject) => {
  let left = 10;
  const done = () => { left -= 1; if (!left) { document.removeEventListener("htmx:finally:request", done);
    setTimeout(resolve, 50); } };
  document.addEventListener("htmx:finally:request", done);
  setTimeout(() => reject(new Error(`${left} without an answer`)), 15000);
  htmx.trigger(document.getElementById("frame"), "vsa:seen");
})"""


def test_a_reader_keeps_everything_while_panels_refresh(reader: Reader) -> None:
    page = reader.open(f"/traffic?domain={SHOP}&range=15m")
    _seen(page)
    page.locator("#panel-requests summary").click()
    field = page.locator("#panel-log input[name=q]")
    field.click()
    page.evaluate("window.row = document.querySelector('#panel-paths tbody tr')")
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status) if "/traffic" in answer.url else None)
    top = page.evaluate("scrollY")
    for letter in "checkout":
        page.keyboard.insert_text(letter)
        page.evaluate(_REFRESH)
    assert field.input_value() == "checkout"
    assert page.evaluate("document.activeElement.name") == "q"
    assert page.evaluate("document.querySelector('#panel-requests details').open")
    assert page.evaluate("window.row === document.querySelector('#panel-paths tbody tr')")
    assert page.evaluate("scrollY") == top
    assert set(statuses) == {204}, "nothing changed"
    # A minute later the range has moved on.
    reader.page.hub.clock.forward(60)
    page.evaluate(_REFRESH)
    assert 200 in statuses
    assert field.input_value() == "checkout"
    assert page.evaluate("document.querySelector('#panel-requests details').open")
    assert page.complaints == []  # type: ignore[attr-defined]
    page.context.close()
    reader.page.hub.clock.forward(-60)


def test_a_hidden_page_asks_for_no_panel(reader: Reader) -> None:
    page = reader.open(f"/traffic?domain={SHOP}&range=1h")
    _seen(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
    page.evaluate("htmx.trigger(document.getElementById('frame'), 'vsa:seen')")
    page.wait_for_timeout(600)
    assert asked == []
    page.context.close()


def test_without_script_a_link_shows_all_panels(reader: Reader) -> None:
    page = reader.open(f"/traffic?domain={SHOP}&range=6h", script=False)
    page.locator("a.noscript").click()
    assert "panels=all" in page.url
    for name, panel in PANELS.items():
        assert page.locator(f"#panel-{name}").count() == 1
        assert panel.title in page.locator(f"#panel-{name}").inner_text() or name == "cards"
    page.locator("#panel-log input[name=q]").fill("checkout")
    page.locator("#panel-log button[type=submit]").click()
    assert "q=checkout" in page.url
    assert "range=6h" in page.url
    rows = page.locator("#panel-log .lines tbody tr .uri").all_inner_texts()
    assert rows
    assert all("checkout" in row for row in rows)
    assert page.locator("#panel-log mark").count() >= len(rows)
    assert not page.locator("[data-follow]").is_visible()
    page.context.close()


def test_a_domain_is_chosen_and_a_range_too(reader: Reader) -> None:
    page = reader.open("/traffic")
    page.locator("input[name=domain]").fill(SHOP)
    page.keyboard.press("Enter")
    page.wait_for_url("**domain=shop.example.com*")
    page.locator(".seg a", has_text="1h").click()
    page.wait_for_url("**range=1h*")
    page.locator("#panel-cards[data-poll]").wait_for(state="attached")
    page.locator(".free summary").click()
    page.locator(".free input[name=from]").fill(time.strftime("%Y-%m-%dT%H:%M", time.gmtime(NOW - 2 * HOUR)))
    page.locator(".free button").click()
    page.wait_for_url("**from=*")
    assert "domain=shop.example.com" in page.url
    page.context.close()


def test_the_log_is_followed_until_the_reader_stops(reader: Reader) -> None:
    page = reader.open(f"/traffic?domain={SHOP}&range=15m")
    _seen(page)
    tails = reader.page.hub.state.traffic.tails
    page.locator("[data-follow]").click()
    until(lambda: tails.open == 1)
    page.wait_for_timeout(300)
    clock = reader.page.hub.clock
    clock.forward(10)
    at = int(clock().timestamp()) - 3
    push(reader.page.loki, [Entry(at, SHOP, path="/followed/<b>", number=950_001)])
    clock.forward(1)
    page.locator("#tail .uri", has_text="/followed/<b>").wait_for()
    page.evaluate(_REFRESH)
    assert page.locator("#tail .uri", has_text="/followed/").count() == 1, "a refresh leaves the tail alone"
    assert page.locator("[data-follow]").get_attribute("aria-pressed") == "true"
    page.locator("[data-follow]").click()
    until(lambda: tails.open == 0)
    assert page.complaints == []  # type: ignore[attr-defined]
    page.context.close()


def test_the_overview_shows_the_traffic_of_the_fleet(reader: Reader) -> None:
    shown = reader.page.get("/overview")["traffic"]
    assert [(row["domain"], row["node"]) for row in shown["busiest"]] == [(SHOP, "vps-01"), (LONG, "vps-01")]
    page = reader.open("/")
    assert page.locator("#t-h").is_visible()
    assert page.locator(f"[id='b-{SHOP}']").inner_text().split()[:2] == [SHOP, "vps-01"]
    page.context.close()


def test_a_page_has_thirty_kilobytes_at_most(reader: Reader) -> None:
    client, html = reader.page.hub.client, {"Accept": "text/html"}
    for path in (f"/traffic?domain={SHOP}", "/traffic", f"/traffic?domain={SHOP}&panels=all"):
        size = len(gzip.compress(client.get(path, headers=html).content))
        print(path, size)
        assert size <= 30 * 1024, path


def test_a_refresh_without_news_costs_little(reader: Reader) -> None:
    hub, html = reader.page.hub, {"Accept": "text/html"}
    first = hub.client.get(f"/traffic/panels/requests?domain={SHOP}&range=24h", headers=html)
    digest = first.text.partition('data-digest="')[2].partition('"')[0]
    asked = {**html, "HX-Request": "true", "X-VSA-Digest": digest}
    began = time.process_time()
    for _ in range(50):
        assert hub.client.get(f"/traffic/panels/requests?domain={SHOP}&range=24h", headers=asked).status_code == 204
    each = (time.process_time() - began) / 50
    print(f"a refresh: {each * 1000:.1f} ms of CPU, with the client of the test")
    assert each <= 0.02


def test_the_page_without_loki_can_be_read(reader: Reader) -> None:
    """The last test of this file: it stops the Loki of all."""
    traffic = reader.page.hub.state.traffic
    reader.page.loki.stop()
    traffic.shared.clear()
    traffic.hours.kept.clear()
    page = reader.open(f"/traffic?domain={SHOP}&range=1h")
    _seen(page)
    page.screenshot(path=PICTURES / "traffic-loki-down-desktop-light.png", full_page=True)
    found = reader.violations(page)
    texts = [page.locator(f"#panel-{name}").inner_text() for name in PANELS]
    page.context.close()
    assert found == []
    assert all("no data" in text and "Loki does not answer" in text for text in texts)
