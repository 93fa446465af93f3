# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.locations import (
    Location,
    locations,
    serves_below,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.prefixes import protects
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import Site
from hypothesis import example, given
from hypothesis import strategies as st

import readings
from making import make_site


def site(routes: list[str], auth: list[str]) -> Site:
    """Return a site whose routes lead to containers named after their place."""
    made = [{"path": path, "container": f"c{number}", "port": 1} for number, path in enumerate(routes)]
    return make_site(routes=made, auth=auth)


def shape(place: Location) -> tuple[str, str, str | None]:
    return ("= " if place.exact else "") + place.path, place.route.container, place.protected


@pytest.mark.parametrize(
    ("routes", "auth", "expected"),
    [
        (["/"], [], [("/", "c0", None)]),
        (["/"], ["/"], [("/", "c0", "/")]),
        (["/"], ["/a/"], [("/", "c0", None), ("/a/", "c0", "/a/"), ("= /a", "c0", "/a/")]),
        (["/"], ["/a"], [("/", "c0", None), ("/a", "c0", "/a")]),
        (["/", "/a/"], ["/a/"], [("/", "c0", None), ("/a/", "c1", "/a/"), ("= /a", "c0", "/a/")]),
        (["/", "/a"], ["/a/"], [("/", "c0", None), ("/a", "c1", "/a/"), ("/a/", "c1", "/a/")]),
        (
            ["/a/b/", "/"],
            ["/a/"],
            [("/a/b/", "c0", "/a/"), ("/", "c1", None), ("/a/", "c1", "/a/"), ("= /a", "c1", "/a/")],
        ),
        (["/A/"], ["/a/"], [("/A/", "c0", "/a/")]),
        (["/a/"], ["/"], [("/a/", "c0", "/")]),
        (["/a/"], ["/b/"], [("/a/", "c0", None)]),
        (["/"], ["/", "/a/"], [("/", "c0", "/"), ("/a/", "c0", "/a/"), ("= /a", "c0", "/a/")]),
        # /ab is below /a and not below /a/.
        (
            ["/"],
            ["/a", "/a/"],
            [("/", "c0", None), ("/a", "c0", "/a"), ("/a/", "c0", "/a/"), ("= /a", "c0", "/a/")],
        ),
        (
            ["/", "/a"],
            ["/", "/a/"],
            [("/", "c0", "/"), ("/a", "c1", "/"), ("/a/", "c1", "/a/"), ("= /a", "c1", "/a/")],
        ),
        (
            ["/", "/A"],
            ["/", "/a/"],
            [("/", "c0", "/"), ("/A", "c1", "/"), ("/a/", "c0", "/a/"), ("= /a", "c0", "/a/"), ("= /A", "c1", "/a/")],
        ),
    ],
)
def test_locations(routes: list[str], auth: list[str], expected: list[tuple[str, str, str | None]]) -> None:
    assert [shape(place) for place in locations(site(routes, auth))] == expected


@pytest.mark.parametrize(
    ("routes", "path", "expected"),
    [(["/"], "/x/", True), (["/api/"], "/", True), (["/api/"], "/api/v1", True), (["/api/"], "/x", False)],
)
def test_serves_below(routes: list[str], path: str, expected: bool) -> None:
    assert serves_below(site(routes, []), path) is expected


SEGMENT = st.sampled_from(["a", "A", "b", "ab", "a.b", "admin"])
PATH = st.lists(SEGMENT, max_size=3).flatmap(
    lambda parts: st.sampled_from([f"/{'/'.join(parts)}", f"/{'/'.join(parts)}/" if parts else "/"])
)
ROUTES = st.lists(PATH, min_size=1, max_size=4, unique=True)
AUTH = st.lists(PATH, min_size=1, max_size=4, unique=True)


def chosen(made: Site, asked: str) -> Location | None:
    """Return the location that NGINX chooses for a normalised path; None stands for 404."""
    places = locations(made)
    exact = [place for place in places if place.exact and place.path == asked]
    prefixes = [place for place in places if not place.exact and asked.startswith(place.path)]
    return exact[0] if exact else max(prefixes, key=lambda place: len(place.path), default=None)


def is_refused(made: Site, path: str) -> bool:
    """Say what auth.js says of a path; tests/integration/hostile compares it with readings.is_refused."""
    place = chosen(made, path)
    return readings.is_refused(path, made.auth, asked=place.protected or "" if place else "")


def assert_right_users(made: Site, asked: str, read: str) -> None:
    """Whoever may pass at a path is whoever may pass at what a backend reads there."""
    place = chosen(made, asked)
    wanted = [prefix for prefix in made.auth if protects(prefix, read)]
    if place is None or not wanted or is_refused(made, asked):
        return
    most = max(map(len, wanted))
    assert place.protected in [prefix for prefix in wanted if len(prefix) == most]


@given(routes=ROUTES, auth=AUTH, asked=PATH)
@example(routes=["/"], auth=["/a", "/a/"], asked="/ab")
@example(routes=["/"], auth=["/a", "/a/"], asked="/a")
@example(routes=["/", "/a"], auth=["/", "/a/"], asked="/ab")
@example(routes=["/", "/A"], auth=["/", "/a/"], asked="/A")
@example(routes=["/"], auth=["/a/b", "/a/b/", "/a", "/a/"], asked="/a/bc")
def test_no_path_below_a_protected_one_is_open_to_others(routes: list[str], auth: list[str], asked: str) -> None:
    assert_right_users(site(routes, auth), asked, asked)


MEANT = st.tuples(PATH, st.sampled_from(["", ";x", ";x/", "\\", "\\a", "/;v=1/b", ";/;/a/", "//a"]), st.booleans())


@given(routes=ROUTES, auth=AUTH, spelled=MEANT)
@example(routes=["/"], auth=["/a", "/a/"], spelled=("/a", ";x", False))
@example(routes=["/"], auth=["/b"], spelled=("/", "/;v=1/b", False))
@example(routes=["/"], auth=["/b/a"], spelled=("/b", "/;v=1/a", False))
def test_another_spelling_is_refused_or_asks_the_same_users(
    routes: list[str], auth: list[str], spelled: tuple[str, str, bool]
) -> None:
    path, rest, upper = spelled
    asked = (path.upper() if upper else path) + rest
    read = re.sub(r"[/\\]+", "/", re.sub(r";[^/\\]*", "", asked)).lower()
    assert_right_users(site(routes, auth), asked, read)


@given(routes=ROUTES, auth=AUTH)
def test_no_location_stands_twice(routes: list[str], auth: list[str]) -> None:
    places = [(place.path, place.exact) for place in locations(site(routes, auth))]
    assert len(places) == len(set(places))
