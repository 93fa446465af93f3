# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stacks of a host as they are now.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..._core.errors import RefusedError, VsaError
from ..._core.forms import stack_name
from ..._core.stack.compose import COMPOSE, images
from ..._core.stack.env import parse_env
from ..._core.stack.manifest import Stack
from ..machine.docker import Container, Engine
from ..machine.files import load_yaml
from ..store.layout import Paths
from .folder import Folder
from .health import containers_of, service_of, unhealthy
from .module import find_folder

__all__ = ("list_stacks",)

_MOST_LINES = 10_000


def _names(paths: Paths) -> list[str]:
    return sorted({path.parents[1].name for path in Path(paths.root, "srv").glob("*/*/.vsa/stack.json")})


def _state(containers: list[Container], wrong: list[str]) -> str:
    if not any(container.running for container in containers):
        return "down"
    if not wrong:
        return "healthy"
    return "starting" if any(container.health == "starting" for container in containers) else "unhealthy"


def _view(engine: Engine, folder: Folder, stack: Stack) -> dict[str, Any]:
    compose = load_yaml(folder.present().get(COMPOSE, ""), where=COMPOSE)
    containers = containers_of(engine, stack)
    wrong = unhealthy(containers, tuple(images(compose, parse_env(folder.env() or ""))))
    return {
        "name": stack.name,
        "state": _state(containers, wrong),
        "problem": wrong[0] if wrong else None,
        "tenant": stack.tenant,
        "description": stack.description,
        "folder": str(folder.path),
        "proxy": stack.proxy,
        "containers": [
            {
                "name": container.name,
                "service": service_of(container),
                "state": container.status,
                "health": container.health,
                "image": container.image,
                "started_at": container.started_at,
            }
            for container in containers
        ],
    }


def _lines(engine: Engine, containers: list[Container], tail: int) -> list[dict[str, Any]]:
    return [
        {
            "container": container.name,
            "service": service_of(container),
            "lines": engine.logs(container.name, tail=tail).splitlines(),
        }
        for container in containers
    ]


def list_stacks(
    name: str | None = None,
    tail: int = 0,
    service: str | None = None,
    *,
    paths: Paths | None = None,
    engine: Engine | None = None,
) -> dict[str, Any]:
    """Return the result of the module ``stack_info``; a folder that cannot be read is listed with its problem."""
    paths = paths or Paths()
    if not 0 <= tail <= _MOST_LINES:
        raise RefusedError("this is not a number of lines", field="tail", value=tail, expected=f"0 to {_MOST_LINES}")
    engine = engine or Engine()
    stacks, logs = [], []
    for wanted in _names(paths) if name is None else [stack_name(name)]:
        try:
            folder, stack = find_folder(paths, wanted)
            stacks.append(_view(engine, folder, stack))
        except VsaError as error:
            if name is not None:
                raise
            stacks.append({"name": wanted, "state": "unhealthy", "problem": error.message, "containers": []})
            continue
        if tail:
            containers = containers_of(engine, stack)
            chosen = [found for found in containers if service in (None, service_of(found))]
            if service is not None and not chosen:
                raise RefusedError(
                    "the stack has no such container",
                    field="service",
                    value=service,
                    there_are=sorted(service_of(found) for found in containers),
                )
            logs += _lines(engine, chosen, tail)
    return {"changed": False, "schema": 1, "stacks": stacks, **({"logs": logs} if tail else {})}
