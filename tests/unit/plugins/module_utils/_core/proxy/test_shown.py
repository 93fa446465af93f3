"""Vhosts and generations as rows."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.shown import GENERATIONS, VHOSTS, about_vhost


def test_a_vhost() -> None:
    vhost = {"domain": "a.example.com", "names": ["a.example.com", "www.example.com"], "drift": True}
    assert VHOSTS.cells(vhost)[:3] == ["a.example.com", "edited", ["www.example.com"]]


def test_a_generation() -> None:
    entry = {"number": 42, "live": True, "summary": "5 files", "changed": ["a", "b", "c"], "removed": ["d"]}
    cells = dict(zip(GENERATIONS.titles(), GENERATIONS.cells(entry), strict=True))
    assert cells["GENERATION"] == "42 live"
    assert cells["CHANGE"] == "5 files: a, b, c and 1 more"


def test_what_stands_above_a_vhost() -> None:
    last = {"generation": 7, "verb": "site.apply", "actor": "ana@laptop", "time": "t", "audit_id": "id"}
    assert about_vhost({"last_change": last, "origin": "declared"}) == [
        "generation 7 changed it: site.apply by ana@laptop at t, audit id",
        "its manifest is declared",
    ]
    assert about_vhost({}) == []
