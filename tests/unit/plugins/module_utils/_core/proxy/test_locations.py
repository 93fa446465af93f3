# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
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


def site(routes: list[str], auth: list[str], opened: list[str] | None = None) -> Site:
    """Return a site whose routes lead to containers named after their place."""
    made = [{"path": path, "container": f"c{number}", "port": 1} for number, path in enumerate(routes)]
    return make_site(routes=made, auth=auth, auth_open=opened or [])


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
    ("routes", "auth", "opened", "expected"),
    [
        (["/"], ["/"], ["/h/"], [("/", "/"), ("/h/", "open"), ("= /h", "/")]),
        (["/"], ["/"], ["/h"], [("/", "/"), ("/h", "open")]),
        (["/", "/h/"], ["/"], ["/h/"], [("/", "/"), ("/h/", "open"), ("= /h", "/")]),
        (["/", "/h/x/"], ["/"], ["/h/"], [("/", "/"), ("/h/x/", "open"), ("/h/", "open"), ("= /h", "/")]),
        # A protected path below the open one stays closed.
        (["/"], ["/", "/h/x/"], ["/h/"],
         [("/", "/"), ("/h/x/", "/h/x/"), ("/h/", "open"), ("= /h/x", "/h/x/"), ("= /h", "/")]),
        # Letters count as they are spelled, and what is below no protected path is not opened by this.
        (["/", "/H/"], ["/"], ["/h/"], [("/", "/"), ("/H/", "/"), ("/h/", "open"), ("= /h", "/")]),
        (["/"], ["/a/"], ["/h/"], [("/", None), ("/a/", "/a/"), ("/h/", None), ("= /a", "/a/"), ("= /h", None)]),
        (["/a/"], ["/"], ["/h/"], [("/a/", "/")]),
    ],
)  # fmt: skip
def test_open_paths_below_a_protected_one(
    routes: list[str], auth: list[str], opened: list[str], expected: list[tuple[str, str | None]]
) -> None:
    places = locations(site(routes, auth, opened))
    found = [(shape(place)[0], "open" if place.opened else place.protected) for place in places]
    assert found == expected


def test_a_path_whose_container_gets_another_one_is_not_opened() -> None:
    routes = [{"path": "/", "container": "a", "port": 1}, {"path": "/x/", "container": "b", "port": 1}]
    made = make_site(routes=[routes[0], {**routes[1], "strip_prefix": True}], auth=["/"], auth_open=["/ok/", "/x/h/"])
    with pytest.raises(RefusedError, match="strips its prefix") as caught:
        locations(made)
    assert (caught.value.field, caught.value.value) == ("auth_open/1", "/x/h/")


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
    asked = place.protected or "" if place else ""
    return readings.is_refused(path, made.auth, asked=asked, opened=made.auth_open)


def assert_right_users(made: Site, asked: str, read: str) -> None:
    """Whoever may pass at a path is whoever may pass at what a backend reads there."""
    place = chosen(made, asked)
    wanted = [prefix for prefix in made.auth if protects(prefix, read)]
    if place is None or not wanted or is_refused(made, asked):
        return
    most = max(map(len, wanted))
    if any(read.startswith(prefix) and len(prefix) > most for prefix in made.auth_open):
        return
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


OPENED = st.lists(PATH.filter(lambda path: path != "/"), min_size=1, max_size=3, unique=True)


@given(routes=ROUTES, auth=AUTH, opened=OPENED, spelled=MEANT)
@example(routes=["/"], auth=["/"], opened=["/a/"], spelled=("/a", "/;/b", False))
@example(routes=["/"], auth=["/", "/a/b"], opened=["/a/"], spelled=("/a/B", "", False))
@example(routes=["/"], auth=["/"], opened=["/a"], spelled=("/A", "", False))
def test_nothing_but_an_open_path_is_open(
    routes: list[str], auth: list[str], opened: list[str], spelled: tuple[str, str, bool]
) -> None:
    opened = [path for path in opened if path.lower() not in {other.lower() for other in auth}]
    path, rest, upper = spelled
    asked = (path.upper() if upper else path) + rest
    read = re.sub(r"[/\\]+", "/", re.sub(r";[^/\\]*", "", asked))
    made = site(routes, auth, opened)
    assert_right_users(made, asked, read)
    assert_right_users(made, path, path)


@given(routes=ROUTES, auth=AUTH, opened=OPENED)
def test_no_location_stands_twice(routes: list[str], auth: list[str], opened: list[str]) -> None:
    opened = [path for path in opened if path.lower() not in {other.lower() for other in auth}]
    places = [(place.path, place.exact) for place in locations(site(routes, auth, opened))]
    assert len(places) == len(set(places))
