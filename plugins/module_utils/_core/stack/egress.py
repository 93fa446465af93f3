# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the containers of a stack have a way out, and the refusal if stack.yml allows none.

An internal network of Docker has no route out, and its containers resolve no names from outside. So a stack without
egress has internal networks only. Older engines ask outside for names all the same, and a name can carry what a
container knows (CVE-2024-29018). What leads out is named in stack.yml, such as a small proxy with a site.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ..errors import RefusedError
from .config import Project, Service
from .entries import no_such_service

__all__ = ("refuse_egress", "refuse_leaking_engine")

# The first release of each line that asks nobody outside for a container of an internal network. 24 never got it.
_TIGHT = {23: (23, 0, 11), 25: (25, 0, 5)}
_TIGHT_FROM = 26
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def refuse_leaking_engine(version: str, allowed: tuple[str, ...] | None, *, where: str) -> None:
    """Raise RefusedError if stack.yml allows no way out and this engine has one: its answers to names from outside."""
    found = _VERSION.match(version)
    if allowed is None or found is None:
        return
    numbers = tuple(map(int, found.groups()))
    line = numbers[0]
    if line >= _TIGHT_FROM or (line in _TIGHT and numbers >= _TIGHT[line]):
        return
    raise RefusedError(
        f"Docker {version} resolves names from outside for containers of internal networks, so they have a way out",
        field=where,
        value=f"Docker {version}",
        expected="Docker 26, 25.0.5 or 23.0.11, or newer ones of these",
        hint="upgrade the engine, or leave egress out of stack.yml",
    )


def refuse_egress(
    project: Project, allowed: tuple[str, ...] | None, *, where: str, profiled: Collection[str] = ()
) -> None:
    """Raise RefusedError if a service has a way out that stack.yml does not allow. None allows all.

    ``profiled`` are services of profiles, which may be off: stack.yml may name them.
    """
    if allowed is None or not project.services:
        return
    for name in allowed:
        if name not in project.services and name not in profiled:
            raise no_such_service(name, project.services, field=where)
    for service in project.services.values():
        exits = _exits_of(service, project)
        if exits and service.name not in allowed:
            raise RefusedError(
                f"{service.name} has a way out by {', '.join(exits)}, and stack.yml allows none",
                field=where,
                value=service.name,
                expected="networks of the stack that say internal: true, or the service in the list egress",
            )


def _exits_of(service: Service, project: Project) -> tuple[str, ...]:
    """Return the ways out of a service, or of the service whose network it uses."""
    owner = project.network_of(service)
    if owner.shares is not None and owner.shares not in project.services:
        return (f"the network of {owner.shares}",)
    return owner.exits
