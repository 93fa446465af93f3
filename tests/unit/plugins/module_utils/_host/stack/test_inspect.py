"""A check of `vsa status`: what runs and the policy refuses, without what an operator allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Engine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.inspect import running_findings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths


class Inspected:
    """An engine that only says what it has."""

    as_container = staticmethod(Engine.as_container)

    def __init__(self, *entries: dict[str, Any]) -> None:
        self._entries = list(entries)

    def inspections(self) -> list[dict[str, Any]]:
        return self._entries


def attrs(name: str, *, project: str = "", folder: str = "", **host: Any) -> dict[str, Any]:
    labels = {"com.docker.compose.service": "web"}
    if project:
        labels |= {"com.docker.compose.project": project, "com.docker.compose.project.working_dir": folder}
    return {
        "Id": name,
        "Name": f"/{name}",
        "Image": "sha256:1",
        "Config": {"Image": "app:1", "Labels": labels},
        "HostConfig": host,
        "NetworkSettings": {"Networks": {"n": {"Aliases": ["web"]}}},
        "Mounts": [],
    }


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(str(tmp_path))
    state = paths.stack_state("acme", "shop")
    state.mkdir(parents=True)
    (state / "stack.json").write_text("{}")
    (state / "stack.yml").write_text("schema: 1\ndescription: x\ntenant: acme\nports: [25]\n")
    (tmp_path / "srv/acme/shop").mkdir(parents=True)
    return paths


def found(paths: Paths, *entries: dict[str, Any]) -> list[tuple[str, str]]:
    engine: Any = Inspected(*entries)
    return [(finding.name, finding.subject) for finding in running_findings(engine, paths)]


def test_what_runs(paths: Paths) -> None:
    folder = f"{paths.root}/srv/acme/shop"
    ports = {"25/tcp": [{"HostIp": "", "HostPort": "25"}], "26/tcp": [{"HostIp": "", "HostPort": "26"}]}
    stack = attrs("shop-web-1", project="shop", folder=folder, Privileged=True, PortBindings=ports)
    by_hand = attrs("tool", PidMode="host", PortBindings={"25/tcp": [{"HostIp": "", "HostPort": "25"}]})
    own = attrs("vsa-nginx", project="reverse-proxy", folder=f"{paths.root}/srv/platform/reverse-proxy", PidMode="host")
    assert found(paths, stack, by_hand, own) == [
        ("privileged", "shop-web-1"),
        ("published-port", "shop-web-1"),
        ("host-pid", "tool"),
        ("published-port", "tool"),
    ]
    allowed = {"schema": 1, "allowed": [{"finding": "privileged", "subject": "web privileged"}]}
    (paths.stack_state("acme", "shop") / "allowed.json").write_text(json.dumps(allowed))
    assert found(paths, stack) == [("published-port", "shop-web-1")]


def test_two_folders_that_are_one_compose_project(paths: Paths) -> None:
    paths.stack_state("beta", "shop").mkdir(parents=True)
    for tenant in ("acme", "beta"):
        (paths.stack_state(tenant, "shop") / "stack.json").write_text(json.dumps({"schema": 1, "project": "shop"}))
    assert found(paths) == []
    Path(paths.root, "srv/beta/shop").mkdir(parents=True)
    assert found(paths) == [("foreign-project", "shop")]
    (paths.stack_state("beta", "shop") / "stack.json").write_text('{"schema": 1, "project": "beta-shop"}')
    assert found(paths) == []


def test_a_stack_whose_manifest_is_damaged(paths: Paths) -> None:
    (paths.stack_state("acme", "shop") / "stack.yml").write_text("schema: 9\n")
    stack = attrs("shop-web-1", project="shop", folder=f"{paths.root}/srv/acme/shop", Privileged=True)
    assert found(paths, stack) == [("privileged", "shop-web-1")]


def test_an_image_with_the_labels_of_vsas_own_containers_hides_nothing(paths: Paths) -> None:
    forged = attrs("x", project="reverse-proxy", folder=f"{paths.root}/srv/platform/reverse-proxy", Privileged=True)
    assert found(paths, forged) == [("privileged", "x"), ("reserved-label", "x")]
