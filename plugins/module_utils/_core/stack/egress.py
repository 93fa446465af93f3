# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the containers of a stack have a way out, and the refusal if stack.yml allows none.

An internal network of Docker has no route out, and its containers resolve no names from outside. So a stack without
egress has internal networks only. What leads out is named in stack.yml, such as a small proxy with a site.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..errors import RefusedError
from .config import Project, Service

__all__ = ("refuse_egress",)


def refuse_egress(project: Project, allowed: tuple[str, ...] | None, *, where: str) -> None:
    """Raise RefusedError if a service has a way out that stack.yml does not allow. None allows all."""
    if allowed is None or not project.services:
        return
    for name in allowed:
        if name not in project.services:
            raise RefusedError(
                "the Compose file has no such service", field=where, value=name, there_are=sorted(project.services)
            )
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
    seen = {service.name}
    while service.shares is not None and service.shares not in seen:
        seen.add(service.shares)
        other = project.services.get(service.shares)
        if other is None:
            return (f"the network of {service.shares}",)
        service = other
    return service.exits
