# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.locations import (
    Location,
    covers,
    locations,
    misread,
    served,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import Site
from hypothesis import given
from hypothesis import strategies as st

from making import make_site


def site(routes: list[str], auth: list[str]) -> Site:
    """Return a site whose routes lead to containers named after their place."""
    made = [{"path": path, "container": f"c{number}", "port": 1} for number, path in enumerate(routes)]
    return make_site(routes=made, auth=auth)


@pytest.mark.parametrize(
    ("protected", "path", "expected"),
    [
        ("/", "/", True),
        ("/", "/x", True),
        ("/admin/", "/admin/", True),
        ("/admin/", "/admin", True),
        ("/admin/", "/admin/x", True),
        ("/admin/", "/Admin/x", True),
        ("/admin/", "/adminx", False),
        ("/admin/", "/", False),
        ("/admin", "/admin", True),
        ("/admin", "/adminx", True),
        ("/admin", "/ADMIN/x", True),
        ("/admin", "/adm", False),
    ],
)
def test_covers(protected: str, path: str, expected: bool) -> None:
    assert covers(protected, path) is expected


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
    ],
)
def test_locations(routes: list[str], auth: list[str], expected: list[tuple[str, str, str | None]]) -> None:
    assert [shape(place) for place in locations(site(routes, auth))] == expected


@pytest.mark.parametrize(
    ("protected", "refused", "passed"),
    [
        (
            "/admin/",
            ["/Admin", "/ADMIN/", "/admin;x", "/\\admin/", "//Admin/", "/admin\\x"],
            ["/", "/admin", "/admin/", "/admin/x", "/administrator", "/x/admin/", "/adminx/"],
        ),
        ("/wp", ["/WP-login", "\\wp"], ["/w", "/wp", "/wp-login", "/x/wp"]),
        ("/a.b/c+d/", ["/A.b/C+d/", "/a.b;v=1/c+d", "/a.b//c+d/"], ["/a.b/c+d/x", "/axb/c+d/", "/a.b/ccd/", "/a.b/"]),
    ],
)
def test_another_spelling_is_refused(protected: str, refused: list[str], passed: list[str]) -> None:
    made = site(["/"], [protected])
    assert [path for path in (*refused, *passed) if is_refused(made, path)] == refused


def is_refused(made: Site, path: str) -> bool:
    """Return what NGINX's map says: the first pattern that matches."""
    for pattern, case, refused in misread(made):
        if re.search(pattern, path, 0 if case else re.IGNORECASE):
            return refused
    return False


def test_nobody_is_refused_where_everything_is_behind_one_password() -> None:
    assert misread(site(["/", "/api/"], ["/"])) == []


@pytest.mark.parametrize(
    ("routes", "path", "expected"),
    [(["/"], "/x/", True), (["/api/"], "/", True), (["/api/"], "/api/v1", True), (["/api/"], "/x", False)],
)
def test_served(routes: list[str], path: str, expected: bool) -> None:
    assert served(site(routes, []), path) is expected


SEGMENT = st.sampled_from(["a", "A", "b", "ab", "a.b", "admin"])
PATH = st.lists(SEGMENT, max_size=3).flatmap(
    lambda parts: st.sampled_from([f"/{'/'.join(parts)}", f"/{'/'.join(parts)}/" if parts else "/"])
)


@given(
    routes=st.lists(PATH, min_size=1, max_size=4, unique=True),
    auth=st.lists(PATH, min_size=1, max_size=3, unique=True),
    asked=PATH,
)
def test_no_path_below_a_protected_one_is_open(routes: list[str], auth: list[str], asked: str) -> None:
    places = locations(site(routes, auth))
    exact = [place for place in places if place.exact and place.path == asked]
    prefixes = [place for place in places if not place.exact and asked.startswith(place.path)]
    chosen = exact[0] if exact else max(prefixes, key=lambda place: len(place.path), default=None)
    if chosen is None:
        return  # 404
    wanted = [prefix for prefix in auth if covers(prefix, asked)]
    if wanted and not is_refused(site(routes, auth), asked):
        assert chosen.protected is not None
        assert covers(chosen.protected, asked)
        assert len(chosen.protected) >= max(map(len, wanted)) or chosen.protected in wanted
