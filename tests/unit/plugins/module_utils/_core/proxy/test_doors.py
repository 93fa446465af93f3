# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doors: other paths to what is behind a password, inside a site and from another site."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.doors import (
    Door,
    open_doors,
    own_doors,
    protected_paths,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import Site

from making import make_site


def site(*routes: str, domain: str = "a.example", **fields: Any) -> Site:
    """Return a site. A route is written PATH=CONTAINER, and with a leading ``-`` its prefix is stripped."""
    made = []
    for route in routes:
        path, _equals, container = route.removeprefix("-").partition("=")
        entry: dict[str, Any] = {"path": path, "container": container, "port": 3000}
        made.append({**entry, "strip_prefix": True} if route.startswith("-") else entry)
    return make_site(domain=domain, routes=made, **fields)


@pytest.mark.parametrize(
    ("routes", "auth", "doors"),
    [
        # The case of the report: /api/admin/ shows what /admin/ shows.
        (["/=web", "-/api/=web"], ["/admin/"], {"/api/admin/": "/admin/"}),
        (["/=web", "-/api/=other"], ["/admin/"], {}),
        (["/=web", "/api/=web"], ["/admin/"], {}),
        (["/=web", "-/v1/=web", "-/v2/=web"], ["/admin/"], {"/v1/admin/": "/admin/", "/v2/admin/": "/admin/"}),
        # The stripped route is the protected one. The root shows the same, and is named instead of closed.
        (["/=web", "-/app/=web"], ["/app/"], {}),
        (["/=web", "-/app/=web", "-/b/=web"], ["/app/"], {"/b/": "/app/"}),
        (["/=web", "-/app/=web"], ["/app/x/"], {"/x/": "/app/x/"}),
        # The protected path contains whole routes.
        (["/=shop", "-/admin/db/=db", "-/db/=db"], ["/admin/"], {"/db/": "/admin/"}),
        # What is protected already needs no second password.
        (["/=web", "-/api/=web"], ["/admin/", "/api/"], {}),
        (["/=web", "-/api/=web"], ["/"], {}),
        # A longer route takes the door's path to another container.
        (["/=web", "-/api/=web", "/api/admin/=other"], ["/admin/"], {}),
        (["/=web", "-/api/=web"], ["/Admin/"], {"/api/Admin/": "/Admin/"}),
        (["/=web", "-/api/=web"], ["/admin"], {"/api/admin": "/admin"}),
        (["/=web"], ["/admin/"], {}),
        (["/=web", "-/api/=web"], [], {}),
    ],
)
def test_the_doors_of_a_site_to_its_own_protected_paths(
    routes: list[str], auth: list[str], doors: dict[str, str]
) -> None:
    made = site(*routes, auth=auth)
    assert own_doors(made) == doors
    assert protected_paths(made) == {**{path: path for path in auth}, **doors}


@pytest.mark.parametrize(
    ("allowed", "doors"),
    [
        (["/api/admin/"], {}),
        (["/api/"], {}),
        (["/other/"], {"/api/admin/": "/admin/"}),
    ],
)
def test_a_door_may_stay_open_if_the_manifest_says_so(allowed: list[str], doors: dict[str, str]) -> None:
    made = site("/=web", "-/api/=web", auth=["/admin/"], allow_unprotected=allowed)
    assert own_doors(made) == doors


def test_a_site_with_too_many_doors_is_refused() -> None:
    many = [f"-/v{number}/=web" for number in range(51)]
    with pytest.raises(RefusedError) as caught:
        own_doors(site("/=web", *many, auth=["/admin/", "/users/"]))
    assert caught.value.field == "auth"


def test_the_root_of_the_site_stays_open_and_is_named() -> None:
    made = site("/=web", "-/app/=web", auth=["/app/"])
    assert open_doors(made, made) == [Door("a.example", "/", "a.example", "/app/", "web", 3000)]
    closed = site("/=web", "-/api/=web", auth=["/admin/"])
    assert open_doors(closed, closed) == []


OWNER = site("/=web", domain="owner.example", auth=["/admin/"])


@pytest.mark.parametrize(
    ("other", "paths"),
    [
        (site("/=web", domain="b.example"), ["/admin/"]),
        (site("-/api/=web", domain="b.example"), ["/api/admin/"]),
        (site("/admin/users/=web", domain="b.example"), ["/admin/users/"]),
        (site("/shop/=web", domain="b.example"), []),
        (site("/=other", domain="b.example"), []),
        (site("/=web", domain="b.example", tenant="acme"), []),
        (site("/=web", domain="b.example", auth=["/admin/"]), []),
        (site("/=web", domain="b.example", auth=["/"]), []),
        (site("/=web", domain="b.example", allow_unprotected=["/admin/"]), []),
        (site("/=web", "/admin/=other", domain="b.example"), []),
        # What the other site opens below its own password is open for the owner's visitors too.
        (site("/=web", domain="b.example", auth=["/"], auth_open=["/admin/hooks/"]), ["/admin/hooks/"]),
        (site("/=web", domain="b.example", auth=["/"], auth_open=["/hooks/"]), []),
        (
            site("/=web", domain="b.example", auth=["/"], auth_open=["/admin/x/"], allow_unprotected=["/admin/x/"]),
            [],
        ),
    ],
)
def test_the_doors_of_another_site(other: Site, paths: list[str]) -> None:
    assert open_doors(other, OWNER) == [
        Door("b.example", path, "owner.example", "/admin/", "web", 3000) for path in paths
    ]
