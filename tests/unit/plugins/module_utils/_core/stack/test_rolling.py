# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of a rolling update: which services roll, what is refused, which containers stay, where sites lead."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.config import Project, read_project
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Stack, parse_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rolling import (
    WARM,
    Replica,
    Roll,
    chosen_container,
    moved_routes,
    plan_roll,
    refuse_other_sites,
    refuse_rolling,
    replica_number,
    rolling_services,
    site_services,
    warmed_routes,
)

CHECK = {"test": ["CMD", "true"]}
SITE = {"domain": "shop.example.com", "service": "web", "port": 80}
ROUTES = [
    {"path": "/", "service": "web", "port": 80},
    {"path": "/api", "service": "api", "port": 80},
    {"path": "/admin", "container": "admin", "port": 80},
]


def stack(*sites: dict[str, Any], deploy: str = "rolling") -> Stack:
    data = {"schema": 1, "description": "A shop", "tenant": "acme", "deploy": deploy, "sites": list(sites)}
    return parse_stack(data, name="shop")


def project(**services: Any) -> Project:
    entries = {name: {"image": "a:1", **entry} for name, entry in services.items()}
    return read_project(json.dumps({"name": "acme-shop", "services": entries}))


@pytest.mark.parametrize(
    ("sites", "deploy", "expected"),
    [
        ([SITE], "rolling", ("web",)),
        ([SITE], "recreate", ()),
        ([{"domain": "shop.example.com", "routes": ROUTES}], "rolling", ("web", "api")),
        ([SITE, {**SITE, "domain": "b.example.com"}], "rolling", ("web",)),
        ([{"domain": "shop.example.com", "container": "shop", "port": 80}], "rolling", ()),
    ],
)
def test_the_services_that_sites_name_roll(sites: list[Any], deploy: str, expected: tuple[str, ...]) -> None:
    assert rolling_services(stack(*sites, deploy=deploy)) == expected
    assert set(site_services(stack(*sites, deploy=deploy))) >= set(expected)


@pytest.mark.parametrize(
    ("entry", "field", "message"),
    [
        ({"healthcheck": CHECK, "container_name": "shop"}, "web/container_name", "has a container_name"),
        ({"healthcheck": CHECK, "ports": [{"published": "80"}]}, "web/ports", "publishes a port"),
        ({"healthcheck": CHECK, "network_mode": "host"}, "web/network_mode", "no network of its own"),
        ({"healthcheck": CHECK, "networks": {"a": {"ipv4_address": "192.0.2.1"}}}, "web/networks", "a fixed address"),
        ({}, "web/healthcheck", "has no healthcheck"),
        ({"healthcheck": {"disable": True}}, "web/healthcheck", "has no healthcheck"),
        ({"healthcheck": {"test": ["NONE"]}}, "web/healthcheck", "has no healthcheck"),
    ],
)
def test_a_service_that_cannot_run_twice_is_refused(entry: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as refused:
        refuse_rolling(stack(SITE), project(web=entry), where="stack.yml/deploy")
    assert refused.value.field == f"compose.yml/services/{field}"
    assert "or no deploy: rolling" in str(refused.value.expected)


def test_a_service_that_can_roll_is_not_refused() -> None:
    entry = {"healthcheck": CHECK, "networks": {"default": None, "edge": {"aliases": ["shop"]}}, "scale": 2}
    refuse_rolling(stack(SITE), project(web=entry, db={"ports": [{"published": "5432"}]}), where="stack.yml/deploy")
    refuse_rolling(stack(SITE, deploy="recreate"), project(web={}), where="stack.yml/deploy")


def test_a_sidecar_of_one_container_is_refused() -> None:
    with pytest.raises(RefusedError, match="sidecar uses the network of one container of web"):
        refuse_rolling(
            stack(SITE),
            project(web={"healthcheck": CHECK}, sidecar={"network_mode": "service:web"}),
            where="stack.yml/deploy",
        )


def test_a_rolling_stack_needs_a_site_that_follows() -> None:
    with pytest.raises(RefusedError, match="no site names a service") as refused:
        refuse_rolling(stack(), project(web={"healthcheck": CHECK}), where="stack.yml/deploy")
    assert refused.value.field == "stack.yml/deploy"


def test_a_site_of_the_stack_that_names_one_replica_is_refused() -> None:
    other = {"domain": "b.example.com", "container": "acme-shop-web-1", "port": 80}
    with pytest.raises(RefusedError, match="a site names the container acme-shop-web-1") as refused:
        refuse_rolling(stack(SITE, other), project(web={"healthcheck": CHECK}), where="stack.yml/deploy")
    assert (refused.value.field, refused.value.expected) == ("stack.yml/sites", "service: web")


@pytest.mark.parametrize(
    ("containers", "refused"),
    [
        (["acme-shop-web-1"], True),
        (["other", "acme-shop-web-7"], True),
        (["acme-shop-db-1"], False),
        (["acme-shop-web-x"], False),
        (["other"], False),
    ],
)
def test_a_site_that_does_not_follow_is_named_before_its_container_goes(containers: list[str], refused: bool) -> None:
    live = {"shop.example.com": ["acme-shop-web-1"], "typed.example.com": containers}
    there = project(web={"healthcheck": CHECK}, db={})
    if not refused:
        refuse_other_sites(stack(SITE), there, live, declared=["shop.example.com"])
        return
    with pytest.raises(RefusedError, match=f"the site typed.example.com leads to {containers[-1]}") as found:
        refuse_other_sites(stack(SITE), there, live, declared=["shop.example.com"])
    assert found.value.expected == "typed.example.com among the sites of stack.yml, with service: web"
    refuse_other_sites(stack(SITE, deploy="recreate"), there, live, declared=["shop.example.com"])


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("acme-shop-web-1", 1),
        ("acme-shop-web-12", 12),
        ("acme-shop-web-", None),
        ("acme-shop-web-1b", None),
        ("acme-shop-web-²", None),
        ("beta-shop-web-1", None),
        ("acme-shop-web-admin-1", None),
    ],
)
def test_the_number_of_a_replica(name: str, number: int | None) -> None:
    assert replica_number(project(web={}), "web", name) == number


def old(name: str, **more: Any) -> Replica:
    return Replica(name, f"id-{name}", current=False, **more)


def new(name: str, **more: Any) -> Replica:
    return Replica(name, f"id-{name}", current=True, **more)


STOPPED = {"running": False, "well": False}


@pytest.mark.parametrize(
    ("replicas", "wanted", "served", "expected", "needed", "scale"),
    [
        pytest.param([old("1")], 1, ["1"], Roll("web", (), 1, (old("1"),)), True, 2, id="a new version"),
        pytest.param(
            [old("1"), new("2")], 1, ["1"], Roll("web", (new("2"),), 0, (old("1"),)), True, 2, id="killed after start"
        ),
        pytest.param(
            [old("1"), new("2", **STOPPED)],
            1,
            ["1"],
            Roll("web", (new("2", **STOPPED),), 0, (old("1"),)),
            True,
            2,
            id="killed while it started",
        ),
        pytest.param([new("2")], 1, ["2"], Roll("web", (new("2"),)), False, 1, id="done"),
        pytest.param([], 1, [], Roll("web", (), 1), False, 1, id="never started"),
        pytest.param(
            [old("1", **STOPPED)], 1, ["1"], Roll("web", (), 1, (), (old("1", **STOPPED),)), False, 1, id="crashed"
        ),
        pytest.param(
            [old("1", **STOPPED), new("2")],
            1,
            ["1"],
            Roll("web", (new("2"),), 0, (), (old("1", **STOPPED),)),
            True,
            1,
            id="the old one crashed before the switch",
        ),
        pytest.param(
            [new("1"), new("2")], 1, ["2"], Roll("web", (new("2"),), 0, (new("1"),)), True, 2, id="scaled by hand"
        ),
        pytest.param(
            [new("1", well=False), new("2")],
            1,
            [],
            Roll("web", (new("2"),), 0, (new("1", well=False),)),
            True,
            2,
            id="of two the healthy one stays",
        ),
        pytest.param(
            [old("1"), old("2"), new("3")],
            2,
            ["1"],
            Roll("web", (new("3"),), 1, (old("1"), old("2"))),
            True,
            4,
            id="two replicas",
        ),
    ],
)
def test_what_a_rolling_update_does(
    replicas: list[Replica], wanted: int, served: list[str], expected: Roll, needed: bool, scale: int
) -> None:
    found = plan_roll("web", replicas, wanted=wanted, served=served)
    assert (found, found.needed, found.scale) == (expected, needed, scale)


@pytest.mark.parametrize(
    ("keep", "missing", "starts"), [((new("2"),), 0, False), ((new("2", **STOPPED),), 0, True), ((), 1, True)]
)
def test_whether_compose_starts_something(keep: tuple[Replica, ...], missing: int, starts: bool) -> None:
    assert Roll("web", keep, missing).starts is starts


@pytest.mark.parametrize(
    ("names", "served", "expected"),
    [
        (["acme-shop-web-3"], [], "acme-shop-web-3"),
        (["acme-shop-web-10", "acme-shop-web-9"], [], "acme-shop-web-9"),
        (["acme-shop-web-10", "acme-shop-web-9"], ["acme-shop-web-10"], "acme-shop-web-10"),
        (["acme-shop-db-1"], [], None),
    ],
)
def test_the_container_of_a_site(names: list[str], served: list[str], expected: str | None) -> None:
    assert chosen_container(project(web={}, db={}), "web", names, served) == expected


def test_only_the_routes_to_old_containers_move() -> None:
    routes = [{"path": "/", "container": "a", "port": 1}, {"path": "/b", "container": "b", "port": 2, "profile": "sse"}]
    moved = moved_routes(routes, {"b": "c"})
    assert moved == [routes[0], {"path": "/b", "container": "c", "port": 2, "profile": "sse"}]


def test_the_new_containers_are_made_known_before_a_route_moves() -> None:
    """NGINX answered 502 until it had looked the name of a new container up."""
    routes = [
        {"path": "/", "container": "a", "port": 1},
        {"path": "/b", "container": "a", "port": 1},
        {"path": "/c", "container": "a", "port": 2},
        {"path": "/d", "container": "other", "port": 1},
    ]
    warmed = warmed_routes(routes, {"a": "b"})
    assert warmed == [
        *routes,
        {"path": f"{WARM}1/", "container": "b", "port": 1},
        {"path": f"{WARM}2/", "container": "b", "port": 2},
    ]
    assert warmed_routes(warmed, {"a": "b"}) == warmed, "after a kill the same again"
    assert [route["container"] for route in moved_routes(warmed, {"a": "b"})] == ["b", "b", "b", "other"]
