# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stacks of a host with their containers, as `stack list`, `stack ps` and `stack logs` show them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..._core.errors import RefusedError, VsaError
from ..._core.result import Result
from ..._core.stack.manifest import Stack
from ..machine.docker import Container, Engine
from ..store.layout import Paths
from .finish import services_of
from .folder import Folder, find_stack, stack_names
from .health import containers_of, service_of, unhealthy
from .hooks import hooks_of

__all__ = ("StackListRequest", "list_stacks")

_MOST_LINES = 10_000


@dataclass(frozen=True)
class StackListRequest:
    """Which stacks to show: one or, without a ``name``, all.

    ``tail`` is the number of log lines of each container, 0 for no logs; ``service`` limits the logs to one service.
    """

    name: str | None = None
    tail: int = 0
    service: str | None = None


def list_stacks(request: StackListRequest, *, paths: Paths | None = None, engine: Engine | None = None) -> Result:
    """Return the stacks, and their logs if lines are requested.

    A stack whose folder is not valid is listed with its problem; RefusedError if it is the only one requested.
    """
    paths = paths or Paths()
    if not 0 <= request.tail <= _MOST_LINES:
        raise RefusedError(
            "this is not a number of lines", field="tail", value=request.tail, expected=f"0 to {_MOST_LINES}"
        )
    engine = engine or Engine()
    stacks: list[dict[str, Any]] = []
    logs: list[dict[str, Any]] = []
    names = stack_names(paths) if request.name is None else [request.name]
    for name in names:
        try:
            folder, stack = find_stack(paths, name)
            stacks.append(_view(engine, folder, stack))
        except VsaError as error:
            if request.name is not None:
                raise
            stacks.append({"name": name, "state": "unhealthy", "problem": error.message, "containers": []})
            continue
        if request.tail:
            logs += _logs(engine, stack, request)
    data: dict[str, Any] = {"stacks": stacks}
    if request.tail:
        data["logs"] = logs
    return Result(data=data)


def _view(engine: Engine, folder: Folder, stack: Stack) -> dict[str, Any]:
    containers = containers_of(engine, stack)
    problems = unhealthy(containers, services_of(folder))
    return {
        "name": stack.name,
        "state": _state(containers, problems),
        "problem": problems[0] if problems else None,
        "tenant": stack.tenant,
        "description": stack.description,
        "folder": str(folder.path),
        "proxy": hooks_of(stack.name).serves_sites,
        "containers": [_container_view(container) for container in containers],
    }


def _state(containers: list[Container], problems: list[str]) -> str:
    if not any(container.running for container in containers):
        return "down"
    if not problems:
        return "healthy"
    starting = any(container.health == "starting" for container in containers)
    return "starting" if starting else "unhealthy"


def _container_view(container: Container) -> dict[str, Any]:
    return {
        "name": container.name,
        "service": service_of(container),
        "state": container.status,
        "health": container.health,
        "image": container.image,
        "started_at": container.started_at,
    }


def _logs(engine: Engine, stack: Stack, request: StackListRequest) -> list[dict[str, Any]]:
    """Return the last lines of each container. RefusedError if the requested service has no container."""
    containers = containers_of(engine, stack)
    chosen = [container for container in containers if request.service in (None, service_of(container))]
    if request.service is not None and not chosen:
        raise RefusedError(
            "the stack has no such container",
            field="service",
            value=request.service,
            there_are=sorted(service_of(container) for container in containers),
        )
    return [
        {
            "container": container.name,
            "service": service_of(container),
            "lines": engine.logs(container.name, tail=request.tail).splitlines(),
        }
        for container in chosen
    ]
