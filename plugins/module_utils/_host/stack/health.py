# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of a stack: find them, and say which of them are not as its services want them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ..._core.stack.config import Project, Service
from ..._core.stack.manifest import Stack
from ..._core.times import parse_time
from ..machine.clock import time_now
from ..machine.docker import FOLDER_LABEL, PROJECT_LABEL, SERVICE_LABEL, Container, Engine
from ..store.layout import Paths

__all__ = (
    "containers_of",
    "diagnosis",
    "is_healthy",
    "may_settle",
    "own_containers",
    "problem_of",
    "seconds_left",
    "service_of",
    "settled",
    "unhealthy",
)

# How long it waits between two looks.
PAUSE_SECONDS = 0.5

# The last lines of a health check's output, and of a container's log, that an error shows.
_LINES = 5


def containers_of(engine: Engine, stack: Stack) -> list[Container]:
    """Return the containers with the name of a stack's Compose project, including stopped ones.

    Compose would remove them all, so a verb that lets Compose remove containers looks at these.
    """
    return engine.containers(labels={PROJECT_LABEL: stack.project})


def own_containers(engine: Engine, stack: Stack, paths: Paths) -> list[Container]:
    """Return the containers that Compose made from a stack's folder, including stopped ones.

    A container that somebody started with the label of the stack's project, or a project of this name in another
    folder, is no part of the stack.
    """
    folder = str(Path(paths.root, stack.folder))
    return [found for found in containers_of(engine, stack) if found.labels.get(FOLDER_LABEL) == folder]


def service_of(container: Container) -> str:
    """Return the Compose service that a container belongs to."""
    return container.labels.get(SERVICE_LABEL, container.name)


def is_healthy(container: Container) -> bool:
    """Say whether a container runs and passes its health check, if it has one."""
    return container.running and container.health in (None, "healthy")


def _is_done(container: Container) -> bool:
    return container.status == "exited" and container.exit_code == 0


def unhealthy(containers: Iterable[Container], services: Iterable[Service]) -> list[str]:
    """Return a line for each thing that is not as the services want it; empty if the stack is healthy.

    A service that runs once is well if its container ended without an error.
    """
    by_service: dict[str, list[Container]] = {}
    for container in containers:
        by_service.setdefault(service_of(container), []).append(container)
    problems = []
    for service in services:
        found = by_service.get(service.name, [])
        if len(found) < service.replicas:
            problems.append(_missing(service, len(found)))
        problems += [problem_of(container) for container in found if not _is_well(container, service)]
    return problems


def _missing(service: Service, found: int) -> str:
    if not found:
        return f"{service.name} has no container"
    return f"{service.name} has {found} of {service.replicas} containers"


def _is_well(container: Container, service: Service) -> bool:
    return is_healthy(container) or (service.once and _is_done(container))


def problem_of(container: Container) -> str:
    """Return the words for a container that is not as its service wants it."""
    state = container.health if container.running else container.status
    code = f", exit code {container.exit_code}" if state == "exited" and container.exit_code else ""
    return f"{container.name} is {state}{code}"


def may_settle(containers: Iterable[Container]) -> bool:
    """Say whether time may heal what is wrong: a container that runs is not healthy yet, or not healthy now."""
    return any(container.running and container.health in ("starting", "unhealthy") for container in containers)


def seconds_left(stack: Stack, containers: Iterable[Container]) -> float:
    """Return how long the health checks may still fail, from the start of the newest container."""
    now = time_now()
    started = [parse_time(container.started_at) for container in containers if container.running]
    ages = [(now - moment).total_seconds() for moment in started if moment is not None]
    return stack.timeout - min(ages, default=0.0)


def settled(look: Callable[[], tuple[list[Container], list[str]]], *, healing: float, otherwise: float) -> list[str]:
    """Return the problems of containers after they had time to settle; empty as soon as they have none.

    ``look`` returns the containers and their problems. A container that runs and whose health check fails has
    ``healing`` seconds. Everything else that is wrong does not mend itself, and has ``otherwise`` seconds.
    """
    began = time.monotonic()
    while True:
        containers, problems = look()
        if not problems or time.monotonic() - began > (healing if may_settle(containers) else otherwise):
            return problems
        time.sleep(PAUSE_SECONDS)


def diagnosis(engine: Engine, stack: Stack, project: Project, paths: Paths) -> list[str]:
    """Return what is known of the containers that are not well: the last output of the health check, then the log."""
    lines = []
    for container in own_containers(engine, stack, paths):
        service = project.services.get(service_of(container))
        if is_healthy(container) or (service is not None and _is_well(container, service)):
            continue
        if container.running and container.probe:
            said = [line for line in container.probe.splitlines() if line.strip()]
            lines += [f"{container.name}, health check: {line}" for line in said[-_LINES:]]
        logged = engine.logs(container.name, tail=_LINES).splitlines()
        # The engine puts a time stamp in front of each line.
        lines += [f"{container.name}: {line.partition(' ')[2]}" for line in logged[-_LINES:]]
    return lines
