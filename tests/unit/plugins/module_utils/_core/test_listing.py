"""Lists and single things as plain lines, and the order of rows."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.listing import (
    LAST,
    Listing,
    changed_by,
    ordered,
    plain_pairs,
    plain_table,
    time_left,
)

SITES = Listing("sites", (("DOMAIN", lambda entry: entry.get("domain")), ("STATE", lambda entry: entry.get("state"))))


def test_the_worst_entry_is_first_and_columns_are_aligned() -> None:
    payload = {
        "sites": [
            {"domain": "shop.example.com", "state": "ok"},
            {"domain": "a.example.com", "state": "down"},
            {"domain": "b.example.com", "state": None},
        ]
    }
    assert plain_table(payload, SITES) == [
        "DOMAIN            STATE",
        "a.example.com     down",
        "shop.example.com  ok",
        "b.example.com     —",
    ]


def test_no_entry_is_said() -> None:
    assert plain_table({}, SITES) == ["no sites"]


def test_the_order_keeps_entries_of_one_state_as_they_came() -> None:
    entries = [{"state": "ok", "n": 1}, {"state": "due", "n": 2}, {"state": "ok", "n": 3}, {"state": "broken", "n": 4}]
    assert [entry["n"] for entry in ordered(entries, SITES)] == [4, 2, 1, 3]
    assert SITES.rank({"state": "ok"}) == LAST


def test_one_thing_in_full() -> None:
    pairs = [("state", "ok"), ("problems", []), ("routes", ["/ → web-1:3000", "/api/ → api:80"])]
    assert plain_pairs("shop.example.com", pairs) == [
        "shop.example.com",
        "  state     ok",
        "  problems  —",
        "  routes    / → web-1:3000",
        "            /api/ → api:80",
    ]


@pytest.mark.parametrize(
    ("seconds", "fraction", "expected"),
    [(None, None, "—"), (0, 0.0, "0 d"), (-5, None, "0 d"), (3_600, 0.004, "1 h (0 %)"), (172_800, 0.5, "2 d (50 %)"),
     (172_799, None, "47 h")],
)  # fmt: skip
def test_what_is_left(seconds: float | None, fraction: float | None, expected: str) -> None:
    assert time_left(seconds, fraction) == expected


def test_who_changed_something() -> None:
    entry = {"time": "2026-11-24T10:00:00Z", "actor": "ana@laptop", "verb": "site.apply", "generation": 7}
    assert changed_by(None) is None
    assert changed_by(entry, short=True) == "2026-11-24 ana"
    assert changed_by({**entry, "audit_id": "id"}) == (
        "2026-11-24T10:00:00Z by ana@laptop: site.apply, generation 7, audit id"
    )
