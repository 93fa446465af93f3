# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of rolling services, as the engine and the live generation tell of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.config import read_project
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Stack, parse_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rolling import Replica
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.health import own_containers
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.rolling.replicas import (
    containers_of_sites,
    replicas_of,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.sites import live_sites

from rollhost import DOMAIN, STACK, RollHost, fake_compose_of

ID = "id of acme-shop-web-1"


@pytest.fixture
def host(tmp_path: Path) -> RollHost:
    host = RollHost(tmp_path)
    host.prepare()
    return host


@pytest.fixture
def stack() -> Stack:
    return parse_stack(STACK, name="shop")


@pytest.mark.parametrize(
    ("wanted", "values", "expected"),
    [
        ("one", {}, Replica("acme-shop-web-1", ID, current=True)),
        ("two", {}, Replica("acme-shop-web-1", ID, current=False)),
        (None, {}, Replica("acme-shop-web-1", ID, current=False)),
        ("one", {"health": "unhealthy"}, Replica("acme-shop-web-1", ID, current=True, well=False)),
        ("one", {"running": False}, Replica("acme-shop-web-1", ID, current=True, running=False, well=False)),
    ],
)
def test_a_replica(
    host: RollHost, stack: Stack, wanted: str | None, values: dict[str, object], expected: Replica
) -> None:
    with host.state.change() as known:
        known["containers"]["acme-shop-web-1"] |= values
    project = read_project(fake_compose_of(host.root))
    assert replicas_of(host.engine, host.paths, stack, project, "web", wanted) == [expected]  # type: ignore[arg-type]


def test_where_sites_lead(host: RollHost, stack: Stack) -> None:
    project = read_project(fake_compose_of(host.root))
    assert live_sites(host.paths) == {DOMAIN: ["acme-shop-web-1"]}
    containers = own_containers(host.engine, stack, host.paths)  # type: ignore[arg-type]
    assert containers_of_sites(host.paths, stack, project, containers) == {"web": "acme-shop-web-1"}
    assert containers_of_sites(host.paths, stack, project, []) == {}
    assert containers_of_sites(host.paths, dataclasses.replace(stack, sites=()), project, containers) == {}


def test_a_host_without_a_proxy_has_no_live_site(tmp_path: Path) -> None:
    assert live_sites(RollHost(tmp_path).paths) == {}
