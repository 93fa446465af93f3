# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Path prefixes: what a protected prefix includes, and which route serves a path."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.prefixes import (
    is_bare,
    is_below,
    longest,
    protects,
    serving_route,
)

from making import make_site


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
def test_protects(protected: str, path: str, expected: bool) -> None:
    assert protects(protected, path) is expected


def test_below_and_bare_are_the_two_ways_to_be_protected() -> None:
    assert is_below("/admin/", "/admin/x")
    assert not is_below("/admin/", "/admin")
    assert is_bare("/admin/", "/ADMIN")
    assert not is_bare("/admin/", "/admin/")


def test_the_longest_prefix_counts() -> None:
    assert longest(["/a/", "/a/b/", "/"]) == "/a/b/"
    assert longest([]) is None


@pytest.mark.parametrize(("path", "served"), [("/api/x", "/api/"), ("/api", "/"), ("/", "/"), ("/apix", "/")])
def test_the_longest_route_serves_a_path(path: str, served: str) -> None:
    routes = [{"path": path, "container": "c", "port": 1} for path in ("/", "/api/")]
    route = serving_route(make_site(routes=routes), path)
    assert route is not None
    assert route.path == served


def test_a_site_may_serve_nothing_at_a_path() -> None:
    assert serving_route(make_site(routes=[{"path": "/api/", "container": "c", "port": 1}]), "/x") is None
