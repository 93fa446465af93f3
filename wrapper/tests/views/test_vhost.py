"""Vhosts and generations, from payloads in the module's shape."""

from __future__ import annotations

from typing import Any

import pytest

import rendered
from vsa.ansible.report import HostResult
from vsa.views.vhost import history_table, vhost_raw, vhost_table, vhost_text


def printed(renderable: Any, *, width: int = 200) -> str:
    return rendered.printed(renderable, width=width)


VHOSTS = {
    "generation": 42,
    "vhosts": [
        {"domain": "a.example.com", "names": ["a.example.com", "www.example.com"], "containers": ["web-1"],
         "network": "flowbiz_ext", "drift": False, "text": "server {\n    listen 443;\x1b\n}\n"},
        {"domain": "b.example.com", "names": ["b.example.com"], "containers": [], "network": None, "drift": True},
    ],
    "generations": [
        {"number": 42, "live": True, "time": "2026-11-24T10:00:00Z", "verb": "site.provision",
         "summary": "1 file added", "actor": "ops@hub", "audit_id": "0193"},
        {"number": 41, "live": False},
    ],
}  # fmt: skip


def test_vhosts() -> None:
    assert printed(vhost_table({"vps-01": HostResult(payload=VHOSTS)})) == (
        "HOST    DOMAIN         STATE   ALIASES          CONTAINERS  NETWORK\n"
        "vps-01  b.example.com  edited  —                —           —\n"
        "vps-01  a.example.com  live    www.example.com  web-1       flowbiz_ext"
    )


def test_the_text_of_a_vhost() -> None:
    payload = {**VHOSTS, "vhosts": VHOSTS["vhosts"][:1]}
    assert printed(vhost_text({"vps-01": HostResult(payload=payload)})) == (
        "vps-01  a.example.com  generation 42\nserver {\n    listen 443;\\x1b\n}"
    )


def test_generations() -> None:
    assert printed(history_table({"vps-01": HostResult(payload=VHOSTS)})) == (
        "HOST    GENERATION  TIME                  VERB            CHANGE        ACTOR    AUDIT\n"
        "vps-01  42 live     2026-11-24T10:00:00Z  site.provision  1 file added  ops@hub  0193\n"
        "vps-01  41          —                     —               —             —        —"
    )


def test_a_vhost_with_what_each_line_comes_from() -> None:
    vhost = {
        "domain": "shop.example.com",
        "text": "upstream x {\n}\n\nserver {\n",
        "drift": True,
        "origin": "declared",
        "last_change": {"generation": 7, "verb": "site.apply", "actor": "ana@laptop", "time": "t", "audit_id": "id"},
        "lines": [
            {"text": "upstream x {", "source": "routes/0"},
            {"text": "}", "source": None},
            {"text": "", "source": None},
            {"text": "server {", "source": "x"},
        ],
    }
    hosts = {"vps-01": HostResult(payload={"generation": 9, "vhosts": [vhost]})}
    assert printed(vhost_text(hosts)).split("\n") == [
        "vps-01  shop.example.com  generation 9",
        "generation 7 changed it: site.apply by ana@laptop at t, audit id",
        "its manifest is declared",
        "its files were edited since: vsa vhost sync writes them again",
        "routes/0  upstream x {",
        "          }",
        "",
        "x         server {",
    ]
    assert vhost_raw(hosts) == "upstream x {\n}\n\nserver {"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"summary": "1 file changed", "changed": ["a"], "removed": []}, "1 file changed: a"),
        ({"summary": "5 files", "changed": ["a", "b", "c"], "removed": ["d"]}, "5 files: a, b, c and 1 more"),
        ({"summary": "1 file removed", "removed": ["d"]}, "1 file removed: -d"),
        ({"summary": "1 file changed"}, "1 file changed"),
    ],
)
def test_history_says_what_changed(entry: dict[str, Any], words: str) -> None:
    hosts = {"vps-01": HostResult(payload={"generations": [{"number": 2, "live": True, **entry}]})}
    assert words in printed(history_table(hosts)).replace("  ", " ")
