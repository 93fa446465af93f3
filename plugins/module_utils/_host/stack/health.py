# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of a stack: which they are, and what is wrong with them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import Any

from ..._core.stack.manifest import Stack
from ..machine.docker import Container, Engine

__all__ = ("containers_of", "diagnosis", "service_of", "step", "unhealthy")


def step(state: str, text: str, notes: list[str] | None = None) -> dict[str, Any]:
    """Return a step named ``stack`` in the shape that all doors render."""
    return {"name": "stack", "state": state, "text": text, "notes": notes or []}


def containers_of(engine: Engine, stack: Stack) -> list[Container]:
    """Return the containers of a stack's Compose project, the stopped ones too."""
    return engine.containers(labels={"com.docker.compose.project": stack.name})


def service_of(container: Container) -> str:
    """Return the Compose service that a container belongs to."""
    return container.labels.get("com.docker.compose.service", container.name)


def unhealthy(containers: list[Container], services: tuple[str, ...]) -> list[str]:
    """Return what is wrong with a stack's containers, a line each; empty where every service runs and is healthy."""
    by_service = {service_of(container): container for container in containers}
    wrong = []
    for service in services:
        found = by_service.get(service)
        if found is None:
            wrong.append(f"{service} has no container")
        elif not found.running:
            wrong.append(f"{found.name} is {found.status}")
        elif found.health not in (None, "healthy"):
            wrong.append(f"{found.name} is {found.health}")
    return wrong


def diagnosis(engine: Engine, stack: Stack) -> list[str]:
    """Return the last lines that the containers wrote which are not well."""
    lines = []
    for container in containers_of(engine, stack):
        if container.running and container.health in (None, "healthy"):
            continue
        said = engine.logs(container.name, tail=5).splitlines()
        # Without the engine's time stamp in front.
        lines += [f"{container.name}: {line.partition(' ')[2]}" for line in said[-5:]]
    return lines
