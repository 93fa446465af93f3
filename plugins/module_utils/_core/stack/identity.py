# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a stack is: its tenant and its name, and the Compose project that both of them make.

Values in, values out. Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection

from ..errors import RefusedError
from .rules.facts import PLATFORM

__all__ = ("choose_project", "compose_project")


def compose_project(tenant: str, name: str) -> str:
    """Return the Compose project of a new stack. Stacks of our own have their bare name."""
    return name if tenant == PLATFORM else f"{tenant}-{name}"


def choose_project(
    tenant: str, name: str, *, folder: str, kept: str | None, known: bool, running: Collection[str]
) -> str:
    """Return the Compose project under which a stack is brought up, so that it never runs twice.

    * ``kept``: the project that VSA noted down. ``known``: whether VSA brought the stack up before; releases that noted
      no project used the bare name.
    * ``running``: the projects of the containers whose folder is the stack's ``folder``.

    Containers and volumes under the bare name are taken over, so the project stays. RefusedError with the commands that
    remove the containers if they have another name.
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
                f"docker compose --project-name {other} --project-directory {folder} down   (its volumes stay)"
                for other in others
            ],
            hint="move the data of its volumes, remove its containers by the commands above, and run the same again",
        )
    return project
