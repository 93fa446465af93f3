# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers are replicas of a rolling service, and which domains the stack declares."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import parse_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.rolling import (
    RollingService,
    declared_domains,
    rolling_service_of,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import StackState, Version

from stackhost import make_container

STACK = {
    "schema": 1,
    "description": "x",
    "deploy": "rolling",
    "sites": [
        {"domain": "a.example.com", "service": "web", "port": 80},
        {"domain_from": "B", "service": "web", "port": 80},
        {"domain_from": "C", "service": "web", "port": 80},
    ],
}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(str(tmp_path))
    keep(paths)
    return paths


def keep(paths: Paths, **fields: object) -> None:
    text = yaml.safe_dump({**STACK, **fields})
    StackState(paths, "acme", "shop").write(Version({"stack.yml": text}, "B='b.example.com'\n"), {"schema": 1})


def container(paths: Paths, service: str = "web", folder: str = "srv/acme/shop") -> Container:
    made = make_container("shop", service)
    place = str(Path(paths.root, folder))
    return dataclasses.replace(made, labels={**made.labels, "com.docker.compose.project.working_dir": place})


def test_a_replica_with_the_domains_of_its_stack(paths: Paths) -> None:
    expected = RollingService("acme", "shop", "web", ("a.example.com", "b.example.com"))
    assert rolling_service_of(paths, container(paths)) == expected


@pytest.mark.parametrize(
    ("service", "folder"),
    [("db", "srv/acme/shop"), ("web", "srv/acme/other"), ("web", "srv/acme/shop/deeper"), ("web", "home/acme/shop")],
)
def test_any_other_container(paths: Paths, service: str, folder: str) -> None:
    assert rolling_service_of(paths, container(paths, service, folder)) is None


def test_a_container_that_compose_did_not_make(paths: Paths) -> None:
    assert rolling_service_of(paths, dataclasses.replace(container(paths), labels={})) is None


@pytest.mark.parametrize("fields", [{"deploy": "recreate"}, {"deploy": "nonsense"}])
def test_a_stack_that_does_not_roll(paths: Paths, fields: dict[str, object]) -> None:
    keep(paths, **fields)
    assert rolling_service_of(paths, container(paths)) is None


def test_the_domains_of_a_stack() -> None:
    stack = parse_stack(STACK, name="shop")
    assert declared_domains(stack, {"B": "B.Example.com"}) == ("a.example.com", "b.example.com")
    assert declared_domains(stack, {}) == ("a.example.com",)
