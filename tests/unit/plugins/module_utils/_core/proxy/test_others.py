"""Who else changed a site a short while ago: a note, for the sites of this run alone."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.others import RECENT, notes_of_others
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.times import rfc3339

SHOP = "shop.test"
NOW = datetime.datetime(2026, 11, 29, 12, 0, tzinfo=datetime.UTC)
ID = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def index(*, actor: str = "ci@runner", ago: datetime.timedelta = datetime.timedelta(minutes=3)) -> dict[str, Any]:
    last = {"generation": 41, "time": rfc3339(NOW - ago), "audit_id": ID, "actor": actor, "verb": "site.apply"}
    return {SHOP: {"last_change": last}, "blog.test": {"last_change": last}}


def notes(known: dict[str, Any], *domains: str) -> tuple[str, ...]:
    return notes_of_others(known, domains or (SHOP,), actor="ana@laptop", now=NOW)


def test_finding_17_the_other_one_is_named() -> None:
    assert notes(index()) == (f"ci@runner changed {SHOP} 3 min ago (site.apply, generation 41, audit {ID})",)


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (datetime.timedelta(seconds=-5), "0 s"),
        (datetime.timedelta(seconds=8), "8 s"),
        (datetime.timedelta(hours=5), "5 h"),
        (RECENT, "24 h"),
    ],
)
def test_the_time_since_then(ago: datetime.timedelta, words: str) -> None:
    assert f" {words} ago (" in notes(index(ago=ago))[0]


@pytest.mark.parametrize(
    "known",
    [
        index(actor="ana@laptop"),
        index(ago=RECENT + datetime.timedelta(seconds=1)),
        {},
        {SHOP: {}},
        {SHOP: {"last_change": None}},
        {SHOP: {"last_change": {"actor": "ci@runner", "time": "yesterday"}}},
        {SHOP: {"last_change": {"time": rfc3339(NOW)}}},
    ],
)
def test_nothing_is_said_of_ones_own_change_of_an_old_one_and_of_one_that_is_not_known(known: dict[str, Any]) -> None:
    assert notes(known) == ()


def test_many_sites_are_counted() -> None:
    known = {f"s{number}.test": index()[SHOP] for number in range(25)}
    said = notes(known, *known)
    assert len(said) == 21
    assert said[-1] == "others changed 5 more of these sites within a day"
