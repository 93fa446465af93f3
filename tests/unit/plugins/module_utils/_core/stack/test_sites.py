# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sites of a stack.yml."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.sites import (
    StackRoute,
    StackSite,
    active_sites,
    sites,
)

ROUTE = {"path": "/", "service": "web", "port": 3000}
HOOK = {"path": "/e/", "container": "daemon-1", "port": "5002", "headers": {"Hook-Url": "$scheme://$host$request_uri"}}
A = {"domain": "a.example"}


def test_a_site_with_everything() -> None:
    said = {
        "domain_from": "APP_DOMAIN",
        "routes": [ROUTE, {**HOOK, "strip_prefix": True, "profile": "sse"}],
        "profile": "llm",
        "aliases": ["B.example"],
        "auth": ["/"],
        "auth_open": ["/e/"],
    }
    [site] = sites([said], "sites")
    assert site == StackSite(
        None,
        None,
        domain_from="APP_DOMAIN",
        profile="llm",
        routes=(
            StackRoute(None, "web", {"path": "/", "port": 3000}),
            StackRoute(
                "daemon-1",
                None,
                {"path": "/e/", "port": 5002, "profile": "sse", "strip_prefix": True, "headers": HOOK["headers"]},
            ),
        ),
        aliases=("b.example",),
        auth=("/",),
        auth_open=("/e/",),
    )
    assert site.targets == ((None, "web"), ("daemon-1", None))


def test_a_site_with_one_target() -> None:
    [site] = sites([{**A, "service": "web", "port": 80}], "sites")
    assert site == StackSite(None, 80, service="web", domain="a.example")
    assert site.targets == ((None, "web"),)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({**A, "routes": [ROUTE], "port": 80}, "0/port"),
        ({**A, "routes": [ROUTE], "service": "web"}, "0/service"),
        ({**A, "routes": []}, "0/routes"),
        ({**A, "routes": [ROUTE, ROUTE]}, "0/routes"),
        ({**A, "routes": [{**ROUTE, "container": "web-1"}]}, "0/routes/0"),
        ({**A, "routes": [{"path": "/", "port": 1}]}, "0/routes/0"),
        ({**A, "routes": [{**ROUTE, "path": "x"}]}, "0/routes/0/path"),
        ({**A, "routes": [{**ROUTE, "nonsense": 1}]}, "0/routes/0/nonsense"),
        ({**A, "routes": [{**ROUTE, "headers": {"X-A": "text"}}]}, "0/routes/0/headers/X-A"),
        ({**A, "routes": [{**ROUTE, "headers": {"Host": "$host"}}]}, "0/routes/0/headers"),
        ({**A, "service": "web", "port": 80, "auth": ["admin"]}, "0/auth/0"),
        ({**A, "service": "web", "port": 80, "auth_open": ["/"]}, "0/auth_open/0"),
        ({**A, "service": "web", "port": 80, "auth": ["/a/"], "auth_open": ["/A/"]}, "0/auth_open"),
        ({**A, "service": "web", "port": 80, "aliases": "b.example"}, "0/aliases"),
        ({**A, "service": "web"}, "0/port"),
    ],
)
def test_what_is_refused_names_its_field(said: dict[str, Any], field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        sites([said], "sites")
    assert refused.value.field == f"sites/{field}"


@pytest.mark.parametrize(
    ("profiles", "domains"),
    [
        ({}, ["always.test"]),
        ({"COMPOSE_PROFILES": "node"}, ["always.test"]),
        ({"COMPOSE_PROFILES": "hub"}, ["always.test", "hub.test"]),
        ({"COMPOSE_PROFILES": "debug, hub"}, ["always.test", "hub.test"]),
        ({"COMPOSE_PROFILES": "*"}, ["always.test", "hub.test"]),
    ],
)
def test_a_site_of_a_profile_that_is_off_is_left_out(profiles: dict[str, str], domains: list[str]) -> None:
    found = sites(
        [
            {"domain": "always.test", "service": "web", "port": 80},
            {"domain": "hub.test", "compose_profile": "hub", "service": "web", "port": 80},
        ],
        "sites",
    )
    assert [site.domain for site in active_sites(found, profiles)] == domains
