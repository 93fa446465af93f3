# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stacks of a host with their containers, as `stack list`, `stack ps` and `stack logs` show them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..._core.audit.query import moment
from ..._core.errors import RefusedError, VsaError
from ..._core.result import Result
from ..._core.stack.manifest import Stack
from ..._core.stack.secrecy import Secrets
from ..._core.times import parse_time
from ..machine.clock import time_now
from ..machine.compose import compose_config
from ..machine.docker import Container, Engine
from ..store.layout import Paths
from ..store.stacks import known_stacks
from .folder import Folder, find_stack
from .health import own_containers, service_of, unhealthy
from .hooks import hooks_of
from .reading import ComposeReader, project_of
from .secrecy import learn_folder

__all__ = ("MOST_LINES", "StackListRequest", "list_stacks", "since_moment", "stack_view")

MOST_LINES = 10_000
"""So many lines of each log are shown at most."""


@dataclass(frozen=True)
class StackListRequest:
    """Which stacks to show: one or, without a ``name``, all. ``tenant`` limits them to those of one tenant.

    * ``tail`` is the number of log lines of each container, 0 for no logs. ``service`` limits the logs to one service,
      ``since`` to lines from a time on: ``2h``, a date, or a time in RFC 3339.
    * ``usage``: whether the memory of each container is asked for.
    """

    name: str | None = None
    tenant: str | None = None
    tail: int = 0
    service: str | None = None
    since: str | None = None
    usage: bool = False


def list_stacks(request: StackListRequest, *, paths: Paths | None = None, engine: Engine | None = None) -> Result:
    """Return the stacks, and their logs if lines are requested.

    A stack whose folder is not valid is listed with its problem; RefusedError if it is the only one requested.
    """
    paths = paths or Paths()
    if not 0 <= request.tail <= MOST_LINES:
        raise RefusedError(
            "this is not a number of lines", field="tail", value=request.tail, expected=f"0 to {MOST_LINES}"
        )
    engine = engine or Engine()
    stacks: list[dict[str, Any]] = []
    logs: list[dict[str, Any]] = []
    for tenant, name in _wanted(request, paths):
        try:
            folder, stack = find_stack(paths, name, tenant=tenant)
            stacks.append(stack_view(engine, paths, folder, stack, usage=request.usage))
        except VsaError as error:
            if request.name is not None:
                raise
            problem = {"state": "unhealthy", "problem": error.message, "containers": []}
            stacks.append({"name": name, "tenant": tenant, **problem})
            continue
        if request.tail:
            secrets = Secrets()
            learn_folder(secrets, folder, stack)
            logs += _logs(engine, paths, stack, request, secrets)
    data: dict[str, Any] = {"stacks": stacks}
    if request.tail:
        data["logs"] = logs
    return Result(data=data)


def _wanted(request: StackListRequest, paths: Paths) -> list[tuple[str | None, str]]:
    """Return (tenant, name) of the stacks to show. A name alone may be ambiguous, and is refused where it is."""
    if request.name is not None:
        return [(request.tenant, request.name)]
    found = [(tenant, name) for tenant, name in known_stacks(paths) if request.tenant in (None, tenant)]
    return sorted(found, key=lambda pair: (pair[1], pair[0]))


def stack_view(
    engine: Engine,
    paths: Paths,
    folder: Folder,
    stack: Stack,
    *,
    usage: bool = False,
    compose: ComposeReader = compose_config,
) -> dict[str, Any]:
    """Return a stack with its containers, as the module ``stack_info`` returns it."""
    containers = own_containers(engine, stack, paths)
    project = project_of(stack, folder.version(), paths=paths, compose=compose)
    problems = unhealthy(containers, project.services.values())
    return {
        "name": stack.name,
        "state": _state(containers, problems),
        "problem": problems[0] if problems else None,
        "tenant": stack.tenant,
        "project": stack.project,
        "description": stack.description,
        "folder": str(folder.path),
        "source": _source_words(folder),
        "proxy": hooks_of(stack.name).serves_sites,
        "containers": [
            {**_container_view(container), **(_usage(engine, container) if usage else {})} for container in containers
        ],
    }


def _source_words(folder: Folder) -> str | None:
    source = folder.source()
    return source.words if source else None


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
        "restarts": container.restarts,
    }


def _usage(engine: Engine, container: Container) -> dict[str, Any]:
    return {"memory": engine.memory(container.name) if container.running else None}


def _logs(
    engine: Engine, paths: Paths, stack: Stack, request: StackListRequest, secrets: Secrets
) -> list[dict[str, Any]]:
    """Return the last lines of each container, without the stack's secrets.

    RefusedError if the requested service has no container.
    """
    containers = own_containers(engine, stack, paths)
    since = since_moment(request.since)
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
            "lines": secrets.text(engine.logs(container.name, tail=request.tail, since=since)).splitlines(),
        }
        for container in chosen
    ]


def since_moment(since: str | None) -> float | None:
    """Return a time in seconds of the epoch. RefusedError if the text is no time."""
    found = parse_time(moment(since, now=time_now())) if since else None
    return None if found is None else found.timestamp()
