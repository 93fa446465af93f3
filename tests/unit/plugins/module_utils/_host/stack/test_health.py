"""What is wrong with a stack's containers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.config import Service
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.health import (
    may_settle,
    own_containers,
    unhealthy,
)

from stackhost import StackHost, make_container


def container(service: str, status: str = "running", health: str | None = "healthy", **more: Any) -> Container:
    return Container(
        name=f"vsa-{service}",
        id=service,
        image="x:1",
        image_id="sha256:1",
        status=status,
        health=health,
        pid=1,
        started_at="",
        labels={"com.docker.compose.service": service},
        **more,
    )


@pytest.mark.parametrize(
    ("containers", "wrong"),
    [
        ([container("nginx"), container("certbot")], []),
        ([container("nginx", health=None), container("certbot")], []),
        ([container("nginx")], ["certbot has no container"]),
        ([container("nginx", "exited", None), container("certbot")], ["vsa-nginx is exited"]),
        ([container("nginx", "restarting"), container("certbot")], ["vsa-nginx is restarting"]),
        ([container("nginx", health="starting"), container("certbot")], ["vsa-nginx is starting"]),
        ([container("nginx", health="unhealthy"), container("certbot")], ["vsa-nginx is unhealthy"]),
        ([], ["nginx has no container", "certbot has no container"]),
        # One that belongs to no service any more is Compose's to remove; it does not make the others ill.
        ([container("nginx"), container("certbot"), container("old", "exited")], []),
    ],
)
def test_unhealthy(containers: list[Container], wrong: list[str]) -> None:
    assert unhealthy(containers, (Service("nginx", "x:1"), Service("certbot", "x:1"))) == wrong


ONE, TWO, ONCE = Service("web", "x:1"), Service("web", "x:1", replicas=2), Service("web", "x:1", once=True)


@pytest.mark.parametrize(
    ("containers", "service", "wrong"),
    [
        ([container("web"), container("web")], TWO, []),
        ([container("web")], TWO, ["web has 1 of 2 containers"]),
        ([container("web"), container("web", health="unhealthy")], TWO, ["vsa-web is unhealthy"]),
        ([container("web", "exited", None)], ONCE, []),
        ([container("web", "exited", None, exit_code=3)], ONCE, ["vsa-web is exited, exit code 3"]),
        ([container("web", "exited", None)], ONE, ["vsa-web is exited"]),
        ([], Service("web", "x:1", replicas=0), []),
    ],
)
def test_replicas_and_services_that_run_once(containers: list[Container], service: Service, wrong: list[str]) -> None:
    assert unhealthy(containers, [service]) == wrong


@pytest.mark.parametrize(
    ("found", "may"),
    [
        (container("web", health="unhealthy"), True),
        (container("web", health="starting"), True),
        (container("web"), False),
        (container("web", "exited", "unhealthy"), False),
        (container("web", "restarting", "starting"), False),
    ],
)
def test_time_heals_only_a_health_check_that_fails(found: Container, may: bool) -> None:
    assert may_settle([found]) is may


@pytest.mark.parametrize("folder", ["", "/root/eve", "/srv/acme/app-2", "srv/acme/app", "/x/srv/acme/app"])
def test_issue_12_a_container_with_a_label_of_the_project_is_no_container_of_the_stack(
    tmp_path: Path, folder: str
) -> None:
    host = StackHost(tmp_path)
    own = make_container("app", "web", project="acme-app")
    labels = {**own.labels, "com.docker.compose.project.working_dir": folder}
    host.engine.running = [own, dataclasses.replace(own, name="eve", id="eve", labels=labels)]
    found = own_containers(cast(Any, host.engine), Stack("app", "x", "acme"), host.paths)
    assert [container.name for container in found] == ["app-web"]
