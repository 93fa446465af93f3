"""The pages in a real browser: what a reader sees, keeps and can do, with script and without, with trouble or none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import rig
from browser import PICTURES, SIZES, Browsing, assets, browsing, reachable
from hubapp import Hub, started
from hubdatabase import Postgres
from hubnode import NodeAgent, container, sections
from somefleet import some_fleet

PAGES = {
    "overview": "/",
    "containers": "/containers",
    "domains": "/domains",
    "certificates": "/certificates",
    "traffic": "/traffic",
    "audit": "/audit",
    "vps": "/vps",
    "search": "/search?q=shop1",
}
THEMES = ("light", "dark")

pytestmark = pytest.mark.timeout(300)


class Served:
    """A hub with its address, and the browser that reads it."""

    def __init__(self, hub: Hub, address: str, browser: Browsing) -> None:
        self.hub = hub
        self.address = address
        self.agents: list[NodeAgent] = []
        self.open = browser.open
        self.violations = browser.violations


@pytest.fixture(scope="module")
def browser() -> Iterator[Browsing]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def served(postgres: Postgres, browser: Browsing) -> Iterator[Served]:
    with postgres.database() as database, started(database, assets=assets()) as hub, reachable(hub, browser) as address:
        yield Served(hub, address, browser)


@pytest.fixture
def fleet(served: Served) -> Served:
    served.hub.reset()
    served.agents = some_fleet(served.hub)
    return served


@pytest.fixture
def fresh(served: Served) -> Served:
    served.hub.reset()
    return served


def _looks(served: Served, name: str, case: str, size: str, theme: str) -> None:
    page = served.open(PAGES[name], size=size, theme=theme)
    page.wait_for_load_state("networkidle")
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}-{case}-{size}-{theme}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    found = served.violations(page)
    complaints = list(page.complaints)  # type: ignore[attr-defined]
    page.context.close()
    assert wide <= 0, f"{wide} px too wide"
    assert found == []
    assert complaints == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_everybody(fleet: Served, name: str, size: str, theme: str) -> None:
    _looks(fleet, name, "much", size, theme)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_with_nothing_can_be_read(fresh: Served, name: str, size: str) -> None:
    _looks(fresh, name, "nothing", size, "light")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_with_a_source_down_can_be_read(fleet: Served, name: str) -> None:
    at = fleet.hub.clock()
    fleet.hub.clock.forward(60)
    fleet.agents[0].accepted(
        fleet.hub.client, sections(at, containers="Docker does not answer", domains="no such file")
    )
    fleet.hub.clock.forward(-30)
    _looks(fleet, name, "source-down", "desktop", "dark")


# -- refreshes ------------------------------------------------------------------------------------------------------

_REFRESH = """() => new Promise((resolve, reject) => {
  const done = () => { document.removeEventListener("htmx:finally:request", done); setTimeout(resolve, 30); };
  document.addEventListener("htmx:finally:request", done);
  setTimeout(() => reject(new Error("no answer")), 5000);
  htmx.trigger(document.getElementById("frame"), "vsa:seen");
})"""


def test_a_reader_keeps_everything_while_the_page_refreshes(fleet: Served) -> None:
    hub = fleet.hub
    page = fleet.open("/certificates", size="phone")
    page.locator("details summary").first.click()
    page.evaluate("window.row = document.querySelector('tbody tr')")
    page.locator("#find").click()
    text = "shop number one"
    for index in range(20):
        hub.clock.forward(1)
        agent = fleet.agents[0]
        # A name that changes: each refresh has news.
        at = hub.clock()
        agent.accepted(hub.client, sections(at, containers=[container(index, health="unhealthy")]))
        hub.clock.forward(-30)
        page.keyboard.insert_text(text[index % len(text)])
        page.evaluate("scrollTo(0, 400)")
        page.evaluate(_REFRESH)
        assert page.evaluate("scrollY") == 400
    assert page.locator("#find").input_value() == "".join(text[index % len(text)] for index in range(20))
    assert page.evaluate("document.activeElement.id") == "find"
    assert page.evaluate("document.querySelector('details').open")
    assert page.evaluate("window.row === document.querySelector('tbody tr')"), "the same row, not a new one"
    assert page.complaints == []  # type: ignore[attr-defined]
    page.context.close()


def test_a_refresh_shows_what_changed(fleet: Served) -> None:
    page = fleet.open("/containers?q=newcomer")
    assert page.locator("tbody tr").count() == 0
    fleet.hub.clock.forward(31)
    rows = [container(1, name="newcomer")]
    fleet.agents[0].accepted(fleet.hub.client, sections(fleet.hub.clock(), containers=rows))
    fleet.hub.clock.forward(-30)
    page.evaluate(_REFRESH)
    assert page.locator("tbody tr .name").all_inner_texts() == ["newcomer"]
    page.context.close()


def test_a_refresh_without_news_moves_the_time_alone(fleet: Served) -> None:
    page = fleet.open("/domains")
    before = page.locator("#as-of").inner_text()
    statuses: list[int] = []
    page.on("response", lambda response: statuses.append(response.status) if response.url == page.url else None)
    fleet.hub.clock.forward(7)
    page.evaluate(_REFRESH)
    assert statuses == [204]
    after = page.locator("#as-of").inner_text()
    assert after != before
    fresh = fleet.open("/domains")
    assert fresh.locator("#as-of").inner_text() == after, "the script writes a time as the page does"
    for opened in (page, fresh):
        opened.context.close()


def test_a_hidden_page_asks_for_nothing(fleet: Served) -> None:
    page = fleet.open("/domains")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/domains") else None)
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.isHidden ?? true, configurable: true})")
    page.evaluate("htmx.trigger(document.getElementById('frame'), 'vsa:seen')")
    page.wait_for_timeout(500)
    assert asked == []
    page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(500)
    assert len(asked) == 1, "seen again, it is brought up to date at once"
    page.context.close()


# -- what a reader can do -------------------------------------------------------------------------------------------


def test_a_slash_leads_to_the_search(fleet: Served) -> None:
    page = fleet.open("/")
    page.keyboard.press("/")
    page.keyboard.type("shop1.t2")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=shop1.t2*")
    page.locator("main a", has_text="shop1.t2.example.com").first.click()
    page.wait_for_url("**/domains?**")
    assert page.locator("tbody tr").count() == 1
    page.context.close()


def test_the_state_of_a_page_is_in_its_address(fleet: Served) -> None:
    page = fleet.open("/containers")
    page.locator(".chip", has_text="Failing").click()
    page.locator("select[name=node]").select_option("vps-02")
    page.wait_for_url(re.compile("state=bad.*|node=vps-02.*"))
    page.locator("th a", has_text="Restarts").click()
    page.wait_for_url(re.compile("sort=restarts"))
    for part in ("state=bad", "node=vps-02", "sort=restarts"):
        assert part in page.url
    shown = page.locator("tbody tr .name").all_inner_texts()
    page.reload()
    assert page.locator("tbody tr .name").all_inner_texts() == shown == ["web-2-3"]
    page.context.close()


def test_without_script_the_filters_are_forms(fleet: Served) -> None:
    page = fleet.open("/containers", script=False)
    page.locator("#find").fill("web-2")
    page.locator(".find button").click()
    page.locator("select[name=node]").select_option("vps-02")
    page.locator(".pick button").click()
    assert "q=web-2" in page.url
    assert "node=vps-02" in page.url
    assert page.locator("tbody tr").count() > 0
    assert "updates by itself" not in page.locator(".when").inner_text()
    page.context.close()


def test_the_chosen_theme_stays(fleet: Served) -> None:
    page = fleet.open("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator('[data-do="theme"]').click()
    dark = page.evaluate(ground)
    assert dark != light
    page.goto(f"{fleet.address}/vps")
    assert page.evaluate(ground) == dark
    page.context.close()


def test_a_command_is_copied_or_selected(fleet: Served) -> None:
    page = fleet.open("/")
    button = page.locator("[data-copy]").first
    button.click()
    page.wait_for_timeout(200)
    copied = page.evaluate("getSelection().toString().trim()")
    assert copied.startswith("vsa ") or button.get_attribute("data-copied") == "copied"
    page.context.close()


# -- colours --------------------------------------------------------------------------------------------------------

_SHEET = Path(rig.ROOT / "stacks/dashboard/app/hub/web/static/vsa.css")
_TEXTS = ("text", "muted", "accent", "ok", "warn", "bad", "old")
_GROUNDS = ("ground", "panel", "raised")
_PAIRS = [
    *((text, ground) for text in _TEXTS for ground in _GROUNDS),
    *((kind, f"{kind}-ground") for kind in ("ok", "warn", "bad", "old", "accent")),
    ("text", "old-ground"),
    ("muted", "old-ground"),
    ("accent", "accent-ground"),
]


def _luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _tokens() -> dict[str, tuple[str, str]]:
    found = re.findall(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", _SHEET.read_text())
    return {name: (light, dark) for name, light, dark in found}


@pytest.mark.parametrize(("text", "ground"), _PAIRS)
def test_every_text_has_enough_contrast(text: str, ground: str) -> None:
    tokens = _tokens()
    for theme in (0, 1):
        assert _contrast(tokens[text][theme], tokens[ground][theme]) >= 4.5


@pytest.mark.parametrize("ground", _GROUNDS)
def test_every_edge_of_a_control_has_enough_contrast(ground: str) -> None:
    tokens = _tokens()
    for theme in (0, 1):
        assert _contrast(tokens["edge"][theme], tokens[ground][theme]) >= 3.0


def test_the_script_is_short() -> None:
    lines = [line for name in ("vsa.js", "theme.js") for line in _SHEET.with_name(name).read_text().splitlines()]
    assert len(lines) <= 150
