"""Five hundred hostile texts, as questions of a reader and as names that nodes send: they are text and nothing else."""

from __future__ import annotations

import hashlib
import itertools
from html.parser import HTMLParser

from hubapp import Hub
from hubnode import container, domain, sections

HTML = {"Accept": "text/html"}
_PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<style>*{display:none}</style>",
    "<a href=javascript:alert(1)>x</a>",
    "<base href=//evil.example>",
    "<form action=//evil.example><input name=q>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "' or 1=1 --",
    "'; drop table node; --",
    "\\'; select pg_sleep(5); --",
    "') union select hash from token --",
    "{{ 7*7 }}{% raw %}",
    "${7*7}#{7*7}",
    '{job="nginx"} |= `x`',
    "%0d%0aSet-Cookie: a=b",
    "../../../../etc/passwd",
    "hx-on:click=alert(1)",
    "data-hx-get=//evil.example",
    "\u202egpj.exe\u2066",
)
_AROUND = (
    "{}", "\"{}", "'{}", "\">{}", "'>{}", "<!--{}-->", "]]>{}", "</title>{}", "</option>{}", "</time>{}", "{}\"", "{} ",
    "\\{}", "`{}`", "({})", "[{}]", "a{}b", "&lt;{}", "&#60;{}", "\t{}", "{}\u0000".replace("\u0000", "\u2028"),
    "x=1&q={}", "?{}", "#{}", "{}/../{}",
)  # fmt: skip
TEXTS = [around.replace("{}", payload)[:253] for payload, around in itertools.product(_PAYLOADS, _AROUND)]


class _Shape(HTMLParser):
    """What a page is made of: its tags with the names of their attributes, and the addresses that it leads to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.addresses: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.names.add(name)
            if name in ("href", "src", "action", "hx-get", "formaction"):
                self.addresses.add(str(value))


def _shape(hub: Hub, path: str, **query: str) -> _Shape:
    response = hub.client.get(path, params=query, headers=HTML)
    assert response.status_code in (200, 400), response.text
    return _Shape(response.text)


def _is_own(address: str) -> bool:
    return address.startswith(("/", "#")) and not address.startswith("//")


def test_there_are_five_hundred() -> None:
    assert len(set(TEXTS)) == 500


def test_a_hostile_question_finds_nothing_and_builds_nothing(hub: Hub) -> None:
    hub.agent().accepted(
        hub.client, sections(hub.clock(), containers=[container(1)], domains=[domain("a.example.com")])
    )
    known = {path: _shape(hub, path, q="nothing") for path in ("/search", "/containers", "/traffic", "/vps")}
    before = hub.database.contents()
    for text in TEXTS:
        for path, name in (("/search", "q"), ("/containers", "q"), ("/traffic", "domain"), ("/vps", "node")):
            found = _shape(hub, path, **{name: text})
            assert found.tags <= known[path].tags | {"code", "abbr", "b"}, (path, text)
            assert not [entry for entry in found.names if entry.startswith(("on", "style", "hx-on"))], (path, text)
            assert all(map(_is_own, found.addresses)), (path, text)
    assert hub.database.contents() == before


def _reported(texts: list[str]) -> dict[str, list[dict[str, object]]]:
    """Return rows of a node whose every text is one of those."""
    rows = [
        container(0, name=text, image=text, stack=text, tenant=text, health="unhealthy")
        | {"id": hashlib.sha256(f"{number}".encode()).hexdigest()}
        for number, text in enumerate(texts)
    ]
    sites = [
        domain(f"s{number}.example.com", tenant=text, profile=text, aliases=[text], problems=[text], state="down")
        for number, text in enumerate(texts)
    ]
    return {"containers": rows, "domains": sites}


def test_hostile_names_of_a_node_build_nothing(hub: Hub) -> None:
    agent = hub.agent()
    lists = [f"/{name}?page={page}" for name in ("containers", "domains") for page in range(1, 6)]
    pages = ["/", "/vps", "/search?q=a", *lists]
    agent.accepted(hub.client, sections(hub.clock(), **_reported([f"a{number}" for number in range(500)])))
    plain = {path: _shape(hub, path) for path in pages}
    agent.accepted(hub.client, sections(hub.clock(), **_reported(TEXTS)))
    for path in pages:
        found = _shape(hub, path)
        assert found.tags <= plain[path].tags, path
        assert found.names <= plain[path].names, path
        assert all(map(_is_own, found.addresses)), path
    assert hub.client.get("/api/v1/containers?page=5").json()["list"]["total"] == 500
