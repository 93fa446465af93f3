"""Sites as rows and in full."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.shown import SITES, causes, site_pairs

SHOP: dict[str, Any] = {
    "domain": "shop.example.com",
    "state": "ok",
    "routes": [
        {"path": "/", "container": "web-1", "port": 3000, "profile": "web", "state": "running"},
        {"path": "/api/", "container": "api", "port": 80, "profile": "web", "state": "exited", "strip_prefix": True},
    ],
    "certificate": {"state": "ok", "seconds_left": 6_134_400, "served": "same"},
    "last_change": {"time": "2026-11-24T10:00:00Z", "actor": "ana@laptop"},
    "manifest": {"schema": 1, "domain": "shop.example.com", "http3": True},
}


def test_a_row() -> None:
    assert SITES.cells(SHOP) == [
        "shop.example.com",
        "ok",
        ["/ → web-1:3000", "/api/ stripped → api:80"],
        ["web"],
        None,
        "ok 71 d",
        "api exited",
        "2026-11-24 ana",
    ]


def test_a_site_that_names_no_profile_shows_none() -> None:
    routes = [{**route, "profile": None} for route in SHOP["routes"]]
    assert SITES.cells({**SHOP, "routes": routes})[3] == []
    assert dict(site_pairs({**SHOP, "routes": routes}))["routes"][0] == "/ → web-1:3000  running"
    weak = [{**routes[0], "remarks": ["no health check", "port 8080 of the host leads past the proxy"]}]
    assert dict(site_pairs({**SHOP, "routes": weak}))["routes"] == [
        "/ → web-1:3000  running, no health check, port 8080 of the host leads past the proxy"
    ]


@pytest.mark.parametrize(
    ("site", "state"),
    [
        ({"state": "ok"}, "ok"),
        ({"state": "ok", "maintenance": True}, "maintenance"),
        ({"state": "warning", "problems": ["not live yet"]}, "not live"),
        ({"state": "down", "maintenance": True}, "down"),
    ],
)
def test_the_state(site: dict[str, Any], state: str) -> None:
    assert SITES.state(site) == state


def test_in_full() -> None:
    pairs = dict(site_pairs(SHOP))
    assert pairs["routes"] == ["/ → web-1:3000  web  running", "/api/ stripped → api:80  web  exited"]
    assert pairs["http3"] is True
    assert "schema" not in pairs


def test_causes() -> None:
    payload = {"causes": [{"subject": "vsa-nginx", "text": "NGINX does not run", "remedy": "vsa stack up"}]}
    assert list(causes(payload)) == [("vsa-nginx: NGINX does not run", "vsa stack up")]
