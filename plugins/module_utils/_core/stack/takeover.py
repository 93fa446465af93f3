# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack that somebody started without VSA: the commands that hand its data over, and no second start beside it.

Values in, values out. Note that this module is **private** to the collection.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping

from ..errors import RefusedError
from .identity import compose_project
from .removal import Volume

__all__ = ("choose_project", "hand_over_commands", "refuse_second_start")

_HINT = "run the commands above on the host as root, and the same again; the volumes of before stay"


def choose_project(
    tenant: str,
    name: str,
    *,
    folder: str,
    kept: str | None,
    known: bool,
    running: Collection[str],
    volumes: Collection[Volume] = (),
) -> str:
    """Return the Compose project under which a stack is brought up, so that it never runs twice.

    * ``kept``: the project that VSA noted down. ``known``: whether VSA brought the stack up before; releases that noted
      no project used the bare name.
    * ``running``: the projects of the containers whose folder is the stack's ``folder``. ``volumes``: all of the host.

    Containers and volumes under the bare name are taken over, so the project stays. RefusedError with the commands that
    remove the containers and copy the volumes if they have another name.
    """
    project = kept or (name if known else compose_project(tenant, name))
    if not kept and set(running) == {name}:
        return name
    others = sorted(set(running) - {project})
    if others:
        raise RefusedError(
            f"the folder {folder} runs as the Compose project {', '.join(others)}, and not as {project}",
            field="stack",
            value=name,
            expected=f"containers of the project {project} only",
            details=[
                command
                for other in others
                for command in hand_over_commands(other, project, runs=True, volumes=volumes)
            ],
            hint=_HINT,
        )
    return project


def hand_over_commands(other: str, project: str, *, runs: bool, volumes: Iterable[Volume]) -> list[str]:
    """Return the commands of a shell that end the Compose project ``other`` and give its data to ``project``.

    ``runs``: whether it has containers. ``volumes`` are all of the host. Data of a volume that ``project`` has already
    stay as they are; a volume whose data lie elsewhere (NFS) leads to the same data under its new name.
    """
    known = {volume.name: volume for volume in volumes}
    commands = [f"docker compose --project-name {shlex.quote(other)} down"] if runs else []
    for volume in known.values():
        key = _key(volume, other)
        if key is None or not volume.directory:
            continue
        target = f"{project}_{key}"
        if target in known:
            commands.append(f"# {target} is there already, so {volume.name} is not copied")
            continue
        labels = f"--label com.docker.compose.project={project} --label com.docker.compose.volume={shlex.quote(key)}"
        copied = volume.directory.replace(f"/{volume.name}/", f"/{target}/")
        commands.append(f"docker volume create {labels} {shlex.quote(target)}")
        commands.append(f"cp -a {shlex.quote(f'{volume.directory}/.')} {shlex.quote(copied)}")
    return commands


def _key(volume: Volume, project: str) -> str | None:
    """Return the key of a volume in its Compose file, None if it is not one that Compose named after the project."""
    prefix = f"{project}_"
    return volume.name.removeprefix(prefix) if volume.project == project and volume.name.startswith(prefix) else None


def refuse_second_start(
    name: str,
    project: str,
    *,
    services: Mapping[str, str],
    running: Mapping[str, str],
    folder: str,
    wanted: Collection[str],
    volumes: Collection[Volume],
) -> None:
    """Raise RefusedError if the first start of a stack leaves the data of the same stack behind, or runs it twice.

    Somebody may have started it in another folder, or have removed its containers. What tells is the Compose project
    ``name``, which Compose takes from the folder. The caller knows that no stack of VSA has it.

    * ``services``: the image of each service of the stack; ``running``: of each running service of that project, whose
      folder is ``folder``, "" if it has no container.
    * ``wanted``: names of the volumes that the stack would have; ``volumes``: those of the host.
    """
    present = {volume.name for volume in volumes}
    left = [
        volume
        for volume in volumes
        if volume.directory
        and (key := _key(volume, name)) is not None
        and f"{project}_{key}" in wanted
        and f"{project}_{key}" not in present
    ]
    twice = sorted(service for service, image in running.items() if services.get(service) == image)
    commands = hand_over_commands(name, project, runs=bool(folder), volumes=left)
    if left:
        many = ", ".join(volume.name for volume in left)
        raise RefusedError(
            f"{project} would begin without the data of the Compose project {name}, which lie in {many}",
            field="stack",
            value=name,
            expected="these data taken over, or empty volumes: then run only the lines with `docker volume create`",
            details=commands,
            hint=_HINT,
        )
    if twice:
        raise RefusedError(
            f"the Compose project {name} of {folder} runs {', '.join(twice)} already",
            field="stack",
            value=name,
            expected="the stack once, or another name for a second one",
            details=commands,
            hint=_HINT,
        )
