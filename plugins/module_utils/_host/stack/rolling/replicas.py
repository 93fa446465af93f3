# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of a stack's rolling services: which of them are of the version that shall run.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ...._core.stack.config import Project
from ...._core.stack.manifest import Stack
from ...._core.stack.rolling import Replica, Roll, chosen_container, plan_roll, rolling_services, site_services
from ...machine.compose_hash import config_hashes
from ...machine.docker import Container, Engine
from ...store.layout import Paths
from ..folder import Folder
from ..health import is_healthy, own_containers, service_of
from ..sites import containers_led_to

__all__ = ("containers_of_sites", "plan_rolls", "replicas_of", "wanted_hashes")

_HASH = "com.docker.compose.config-hash"


def wanted_hashes(folder: Folder, stack: Stack) -> dict[str, str]:
    """Return the hash that Compose gives to the containers of each service now."""
    return config_hashes(str(folder.path), folder.compose_files(), folder.env_file(), project=stack.project)


def replicas_of(
    engine: Engine, paths: Paths, stack: Stack, project: Project, service: str, wanted: str | None
) -> list[Replica]:
    """Return the containers of a service. ``wanted`` is the hash of those that Compose would leave as they are."""
    image = engine.image_id(project.services[service].image)
    return [
        _replica(container, wanted=wanted, image=image)
        for container in own_containers(engine, stack, paths)
        if service_of(container) == service
    ]


def _replica(container: Container, *, wanted: str | None, image: str | None) -> Replica:
    return Replica(
        name=container.name,
        id=container.id,
        current=container.labels.get(_HASH) == wanted and container.image_id == image,
        running=container.running,
        well=is_healthy(container),
    )


def plan_rolls(
    engine: Engine, paths: Paths, stack: Stack, project: Project, *, hashes: Mapping[str, str], served: Collection[str]
) -> list[Roll]:
    """Return what a rolling update does to each rolling service of a stack."""
    return [
        plan_roll(
            name,
            replicas_of(engine, paths, stack, project, name, hashes.get(name)),
            wanted=project.services[name].replicas,
            served=served,
        )
        for name in rolling_services(stack)
        if name in project.services
    ]


def containers_of_sites(
    paths: Paths, stack: Stack, project: Project, containers: Iterable[Container]
) -> dict[str, str]:
    """Return the container that the sites lead to, by service. A service whose container is not made yet is left out.

    ``containers`` are those of the stack. A stack that rolls no more is asked too: Compose gives the container of a new
    version the number of the old one.
    """
    services = site_services(stack)
    if not services:
        return {}
    served = containers_led_to(paths)
    names = [container.name for container in containers]
    found = {service: chosen_container(project, service, names, served) for service in services}
    return {service: name for service, name in found.items() if name}
