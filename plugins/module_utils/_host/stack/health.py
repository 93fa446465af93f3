# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of a stack: find them, and say which of them are not healthy.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.stack.manifest import Stack
from ..machine.docker import Container, Engine

__all__ = ("containers_of", "diagnosis", "is_healthy", "service_of", "unhealthy")

# The last lines of a container's log that an error shows.
_LINES = 5


def containers_of(engine: Engine, stack: Stack) -> list[Container]:
    """Return the containers of a stack's Compose project, including stopped ones."""
    return engine.containers(labels={"com.docker.compose.project": stack.name})


def service_of(container: Container) -> str:
    """Return the Compose service that a container belongs to."""
    return container.labels.get("com.docker.compose.service", container.name)


def is_healthy(container: Container) -> bool:
    """Say whether a container runs and passes its health check, if it has one."""
    return container.running and container.health in (None, "healthy")


def unhealthy(containers: list[Container], services: tuple[str, ...]) -> list[str]:
    """Return one line for each service that has no healthy container; empty if the stack is healthy."""
    by_service = {service_of(container): container for container in containers}
    problems = []
    for service in services:
        found = by_service.get(service)
        if found is None:
            problems.append(f"{service} has no container")
        elif not found.running:
            problems.append(f"{found.name} is {found.status}")
        elif not is_healthy(found):
            problems.append(f"{found.name} is {found.health}")
    return problems


def diagnosis(engine: Engine, stack: Stack) -> list[str]:
    """Return the last log lines of the containers that are not healthy."""
    lines = []
    for container in containers_of(engine, stack):
        if is_healthy(container):
            continue
        logged = engine.logs(container.name, tail=_LINES).splitlines()
        # The engine puts a time stamp in front of each line.
        lines += [f"{container.name}: {line.partition(' ')[2]}" for line in logged[-_LINES:]]
    return lines
