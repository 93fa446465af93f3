"""The audit pages in a real browser: rows that open, diffs, links that hold everything, with script and without."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import manyrows
from browser import PICTURES, SIZES, Browsing, assets, browsing, reachable
from hubapp import Hub, started
from hubdatabase import Postgres

_REFRESH = """() => new Promise((resolve, reject) => {
  const done = () => { document.removeEventListener("htmx:finally:request", done); setTimeout(resolve, 30); };
  document.addEventListener("htmx:finally:request", done);
  setTimeout(() => reject(new Error("no answer")), 5000);
  htmx.trigger(document.getElementById("frame"), "vsa:seen");
})"""

pytestmark = pytest.mark.timeout(300)


class Reader:
    """A hub with a fleet in it, and a browser that reads it."""

    def __init__(self, hub: Hub, address: str, browser: Browsing) -> None:
        self.hub, self.address = hub, address
        self.open = browser.open
        self.violations = browser.violations

    def looks(self, page: Page, name: str) -> None:
        """Keep a picture, and let axe-core look."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        assert self.violations(page) == []

    def run(self, **filters: str) -> dict[str, Any]:
        """Return the newest run that fits and whose newest record has a diff."""
        rows = self.hub.client.get("/api/v1/audit", params=filters).json()["rows"]
        for row in rows:
            record = self.hub.client.get(f"/api/v1/audit/{row['hash']}").json()["record"]
            if any(entry["diff"] for made in record["generations"] for entry in made["diffs"]):
                return dict(row)
        raise AssertionError("no run with a diff")


@pytest.fixture(scope="module")
def reader(postgres: Postgres) -> Iterator[Reader]:
    with postgres.database() as database:
        manyrows.filled(database, at=datetime(2026, 11, 30, 12, tzinfo=UTC))
        with (
            browsing() as browser,
            started(database, assets=assets()) as hub,
            reachable(hub, browser) as address,
        ):
            yield Reader(hub, address, browser)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_list_and_an_open_row_can_be_read_by_everybody(reader: Reader, size: str, theme: str) -> None:
    row = reader.run(status="failed")
    page = reader.open(f"/audit?status=failed&before={_after(row)}", size=size, theme=theme)
    place = page.locator(f"#r-{row['hash']}")
    place.locator("summary").click()
    expect(place.locator(".diff ins").first).to_be_visible()
    reader.looks(page, f"audit-open-{size}-{theme}")
    page.context.close()


def _after(row: dict[str, Any]) -> str:
    """Return a place right before a row."""
    return f"{row['at'][:19]}.999999Z~{'f' * 64}"


@pytest.mark.parametrize("size", SIZES)
def test_a_record_is_a_page_of_its_own(reader: Reader, size: str) -> None:
    row = reader.run(status="failed")
    page = reader.open(f"/audit/{row['hash']}", size=size)
    expect(page.locator("h1")).to_have_text(f"{row['verb']} {row['target'] or ''}".strip())
    reader.looks(page, f"audit-record-{size}")
    page.context.close()


def test_a_diff_is_told_without_colours(reader: Reader) -> None:
    row = reader.run()
    page = reader.open(f"/audit/{row['hash']}")
    added, removed = page.locator(".diff ins").all_inner_texts(), page.locator(".diff del").all_inner_texts()
    assert added
    assert removed
    assert all(text.startswith("+ ") for text in added)
    assert all(text.startswith("- ") for text in removed)
    assert any("web-2:3000" in text for text in added)
    page.context.close()


def test_an_open_row_stays_open_with_its_record_while_the_page_refreshes(reader: Reader) -> None:
    row = reader.run()
    page = reader.open(f"/audit?to={row['at'][:10]}T23:59:59")
    place = page.locator(f"#r-{row['hash']}")
    place.scroll_into_view_if_needed()
    place.locator("summary").click()
    expect(place.locator(".record")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for number in range(5):
        reader.hub.database.rows(
            "update audit set status = %s where hash = (select hash from audit where status <> 'started'"
            " and run <> %s order by at desc limit 1)",
            ("failed", "ok")[number % 2],
            row["run"],
        )
        page.evaluate(_REFRESH)
        expect(place.locator(".diff ins").first).to_be_visible()
    assert not [url for url in asked if row["hash"] in url], "what is open is not loaded again"
    page.context.close()


def test_without_script_filters_are_a_form_and_rows_lead_to_their_records(reader: Reader) -> None:
    page = reader.open("/audit", script=False)
    page.select_option('select[name="node"]', "vps-02")
    page.select_option('select[name="status"]', "not_ok")
    page.click('form.filters button[type="submit"]')
    assert "node=vps-02" in page.url
    states = page.locator(".runs > li .st").all_inner_texts()
    assert states
    assert "ok" not in states
    first = page.locator(".runs > li").first
    first.locator("summary").click()
    first.locator(".opened a").click()
    expect(page.locator(".record")).to_be_visible()
    page.context.close()


def test_the_pages_go_on_by_links_that_hold_the_filters(reader: Reader) -> None:
    page = reader.open("/audit?node=vps-01")
    first = page.locator(".runs > li").first.get_attribute("id")
    page.click('a[rel="next"]')
    assert "node=vps-01" in page.url
    assert page.locator(".runs > li").first.get_attribute("id") != first
    page.click('a[rel="first"]')
    assert page.locator(".runs > li").first.get_attribute("id") == first
    page.context.close()


def test_a_wrong_question_is_told_as_a_page(reader: Reader) -> None:
    response = reader.hub.client.get("/audit?from=yesterday", headers={"Accept": "text/html"})
    assert (response.status_code, "text/html" in response.headers["content-type"]) == (400, True)
    assert "from" in response.text
    assert reader.hub.client.get("/audit/x", headers={"Accept": "text/html"}).status_code == 404


def test_the_page_without_its_sources_is_a_page(postgres: Postgres) -> None:
    with postgres.database() as database, started(database) as hub:
        postgres.stop()
        try:
            response = hub.client.get("/audit", headers={"Accept": "text/html"})
        finally:
            postgres.start()
    assert response.status_code == 200
    assert "PostgreSQL: does not answer since" in response.text
