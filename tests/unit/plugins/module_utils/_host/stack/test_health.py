"""What is wrong with a stack's containers."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.health import unhealthy


def container(service: str, status: str = "running", health: str | None = "healthy") -> Container:
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
    assert unhealthy(containers, ("nginx", "certbot")) == wrong
