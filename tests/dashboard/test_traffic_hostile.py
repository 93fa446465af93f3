"""Hostile text in everything that a reader may send: it changes the literal in the question, and nothing else."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from hostile import PAYLOADS
from hub.traffic.queries import Selector, lines_query, quoted
from hubdatabase import Postgres
from lokidata import Entry, TrafficHub, fresh_loki, push, traffic_hub, until_found

SHOP, SECRET = "shop.example.com", "secret.example.com"
NOW = int(time.time()) // 60 * 60 - 300
_LOGQL = [
    '"',
    '\\"',
    "`",
    '" or "',
    '"} or {job="nginx"',
    '",domain=~".+"}',
    '"} | json | domain=~".*',
    '" |= "',
    '" != "x',
    '" |~ ".*',
    '" | line_format "{{.x}}',
    '" [1h]))',
    "` | json `",
    '"))) or vector(1) #',
    "\\",
    "\\\\",
    "\\u0022",
    "\\x22",
    "\\n",
    "{job=~",
    ".*",
    "(?P<x>.*)",
    "$",
    "%22",
    "\u2028",
    "\ufeffx",
    "x\ufeff",
    "\U0001f4a9",
    "<script>alert(1)</script>",
    "'><img src=x onerror=alert(1)>",
    "{{ 7*7 }}",
    "&amp;",
    "javascript:alert(1)",
    "</td></tr></table>",
]
HOSTILE = sorted({*PAYLOADS, *_LOGQL})
# What no request can have as text, or no line: refused before any question.
_REFUSED = re.compile("[\0\ud800-\udfff]")


def as_logged(text: str) -> str:
    """Return a path that NGINX writes for a request: no control character is in it as it is."""
    return "/" + "".join(letter if letter >= " " else " " for letter in text)


SENT = [text for text in HOSTILE if not _REFUSED.search(text)]


@pytest.fixture(scope="module")
def page(postgres: Postgres) -> Iterator[TrafficHub]:
    """A hub whose domain has one line with each hostile text as its path and its agent; another domain has a secret."""
    loki = fresh_loki("traffic-hostile")
    lines = [
        Entry(NOW - 60, SHOP, path=as_logged(text), agent=text, client=text[:20], number=number)
        for number, text in enumerate(SENT)
    ]
    try:
        push(loki, [*lines, Entry(NOW - 60, SECRET, path="/the-secret", number=99_999)])
        until_found(loki, SHOP, len(SENT))
        with postgres.database() as database, traffic_hub(database, loki, at=NOW) as found:
            found.knows([SHOP, SECRET])
            found.hub.clock.forward(-30)
            yield found
    finally:
        loki.remove()


def test_there_are_many_hostile_texts() -> None:
    assert len(HOSTILE) >= 100


def test_a_search_finds_what_has_the_text_and_nothing_else(page: TrafficHub) -> None:
    raw = [line for _labels, _at, line in page.loki.query(f'{{job="nginx",domain="{SHOP}"}}')]
    for text in SENT:
        if len(text) > 200:
            continue
        shown = page.panel("log", domain=SHOP, range="15m", q=text)["log"]
        wanted = sum(text in line for line in raw)
        assert shown["matches"] == wanted, text
        assert all("the-secret" not in str(line) for line in shown["lines"])


def test_a_hostile_domain_is_unknown(page: TrafficHub) -> None:
    for text in HOSTILE:
        given = quote(text, errors="surrogatepass")
        for path in ("/api/v1/traffic/panels/log", "/traffic/panels/cards", "/api/v1/traffic/tail"):
            response = page.hub.client.get(f"{path}?domain={given}")
            assert response.status_code in (400, 404), (text, response.status_code)
        response = page.hub.client.get(f"/traffic?domain={given}", headers={"Accept": "text/html"})
        assert response.status_code in (200, 400), text
        assert "the-secret" not in response.text


@pytest.mark.parametrize("name", ["range", "from", "to", "status", "method"])
def test_other_values_are_of_a_list_or_refused(page: TrafficHub, name: str) -> None:
    for text in HOSTILE:
        query = f"domain={SHOP}&{name}={quote(text, errors='surrogatepass')}"
        response = page.hub.client.get(f"/api/v1/traffic/panels/log?{query}")
        assert response.status_code == 400, (text, response.status_code)
        assert response.json()["error"]["field"] in (name, "from", "to")


def test_what_strangers_wrote_is_text_in_the_page(page: TrafficHub) -> None:
    """Each path, client and text of a search is in the page as text: no tag and no attribute comes of it."""
    names = r"<(script|img|iframe|style|link|meta|base|object|embed)\b"
    for path in ("/traffic/panels/log", "/traffic/panels/paths", "/traffic/panels/clients"):
        text = page.hub.client.get(f"{path}?domain={SHOP}&range=15m", headers={"Accept": "text/html"}).text
        assert not re.search(names, text), path
        assert not re.search(r"\s(on\w+|style)=[\"']", text), path
    for hostile in _LOGQL:
        query = f"domain={SHOP}&range=15m&panels=all&q={quote(hostile)}"
        response = page.hub.client.get(f"/traffic?{query}", headers={"Accept": "text/html"})
        assert response.status_code == 200
        body = response.text.partition("<main")[2]
        assert not re.search(names, body), hostile
        field = re.search(r'<input type="search" name="q" value="([^"]*)"', body)
        assert field is not None
        assert html.unescape(field[1]) == hostile.replace("\r\n", "\n") or html.unescape(field[1]) == hostile


def test_a_refused_text_names_its_field(page: TrafficHub) -> None:
    for text in ("\0", "x\0y", "x" * 201):
        response = page.hub.client.get("/api/v1/traffic/panels/log", params={"domain": SHOP, "q": text})
        assert (response.status_code, response.json()["error"]["field"]) == (400, "q")


@pytest.mark.parametrize("text", SENT, ids=ascii)
def test_a_literal_is_closed_by_its_own_quote_alone(text: str) -> None:
    literal = quoted(text)
    assert literal.isascii()
    inside = re.sub(r"\\.", "", literal[1:-1])
    assert '"' not in inside
    assert "\n" not in inside
    assert lines_query(Selector(SHOP), text) == f'{{job="nginx",domain="{SHOP}"}} |= {literal}'
