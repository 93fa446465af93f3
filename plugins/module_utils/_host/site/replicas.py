# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse a site that leads to a replica of a rolling service and does not follow the service: the replica goes away.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..._core.site.manifest import Site
from ..machine.docker import Container
from ..store.layout import Paths
from ..store.rolling import rolling_service_of

__all__ = ("refuse_replica",)


def refuse_replica(paths: Paths, container: Container, site: Site, *, inventory: bool) -> None:
    """Raise RefusedError if a container is a replica of a rolling service, and the site does not follow the service.

    A site that stack.yml declares follows the service. A site of the ``inventory`` never does: the next ``site apply``
    would lead to a container that is gone.
    """
    found = rolling_service_of(paths, container)
    if found is None or (site.domain in found.domains and not inventory):
        return
    place = f"{found.tenant}/{found.stack}"
    if site.domain in found.domains:
        expected = f"the site in one place: stack.yml of {place} declares {site.domain} already"
    else:
        expected = f"{site.domain} among the sites of stack.yml of {place}, with service: {found.service}"
    raise RefusedError(
        f"{container.name} is a replica of {found.service}, which is rolling: the next version has another container",
        field="container",
        value=container.name,
        expected=expected,
        hint=Hint("stack.up", {"name": found.stack, "tenant": found.tenant}, note="which provisions its sites"),
    )
