# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policy knows about the host: its containers, networks, volumes and stacks, and whose they are.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...networks import EDGE, ENTRY, edge_network, is_edge_network
from ...reserved import is_reserved

__all__ = ("PLATFORM", "Facts", "KnownContainer", "tenant_of_folder")

PLATFORM = "platform"
"""The tenant of stacks that name none."""


@dataclass(frozen=True)
class KnownContainer:
    """A container of the host.

    * ``project`` and ``folder``: its Compose project, and the working directory of that project; "" without Compose.
    * ``networks``: the names by which Docker's DNS answers with the container, by network.
    * ``volumes``: the names of the volumes that it mounts. ``writes``: the paths of the host that it mounts and can
      write. ``image``: the reference that it was made from.
    """

    name: str
    project: str = ""
    folder: str = ""
    networks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()
    image: str = ""
    writes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Facts:
    """The stack that is judged, and what is on its host.

    * ``project``: the stack's Compose project, its name if nothing else is said.
    * ``folder``: the stack's folder. ``srv`` is the directory of all stacks, ``/srv`` except in tests.
    * ``ports``: the published ports that stack.yml declares, as (port, protocol).
    * ``networks`` and ``volumes``: the Compose project of each network and volume that exists, "" if none made it.
    * ``stacks``: (tenant, name) of each stack that VSA brought up on the host. ``projects``: their Compose projects, of
      those whose project is not their name. ``former``: other tenants that had a stack of this project, and whose
      folder is gone; their volumes may still be there.
    * ``real``: paths that the Compose file names, after the host resolved links.
    * ``good``: what Compose said of the last good version, to which a failed start goes back; empty if there is none.
    """

    name: str
    tenant: str
    folder: str
    srv: str = "/srv"
    ports: frozenset[tuple[int, str]] = frozenset()
    containers: tuple[KnownContainer, ...] = ()
    networks: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    stacks: frozenset[tuple[str, str]] = frozenset()
    former: frozenset[str] = frozenset()
    real: Mapping[str, str] = field(default_factory=dict)
    project: str = ""
    projects: Mapping[tuple[str, str], str] = field(default_factory=dict)
    good: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fill in the project of a stack whose project is its name."""
        if not self.project:
            object.__setattr__(self, "project", self.name)

    def folders_of(self, project: str) -> set[str]:
        """Return the folders of the stacks that have a Compose project."""
        return {f"{self.srv}/{tenant}/{name}" for tenant, name in self._stacks_of(project)}

    def _stacks_of(self, project: str) -> list[tuple[str, str]]:
        return [stack for stack in self.stacks if self.projects.get(stack, stack[1]) == project]

    def resolved(self, path: str) -> str:
        """Return a path after links were resolved."""
        return self.real.get(path, posixpath.normpath(path))

    def is_inside(self, path: str) -> bool:
        """Say whether a path leads to the stack's folder or below, also after links were resolved."""
        top = self.resolved(self.folder)
        found = self.resolved(path)
        return path.startswith("/") and (found == top or found.startswith(f"{top}/"))

    def own_edges(self) -> tuple[str, ...]:
        """Return the edge networks that the stack may be on."""
        if self.tenant == PLATFORM:
            return (EDGE, edge_network(PLATFORM))
        return (edge_network(self.tenant),)

    def is_own(self, container: KnownContainer) -> bool:
        """Say whether a container belongs to this stack."""
        return container.project == self.project and container.folder == self.folder

    def tenant_of(self, container: KnownContainer) -> str | None:
        """Return the tenant of a container, None if nothing says whose it is."""
        tenant = tenant_of_folder(container.folder, srv=self.srv)
        if tenant is not None:
            return tenant
        edges = {name[len(EDGE) + 1 :] for name in container.networks if is_edge_network(name) and name != EDGE}
        return edges.pop() if len(edges) == 1 else None

    def _tenants_of_project(self, project: str) -> set[str | None]:
        found = {self.tenant_of(entry) for entry in self.containers if entry.project == project}
        found |= {tenant for tenant, _name in self._stacks_of(project)}
        return found or {None}

    def has_network(self, name: str) -> bool:
        """Say whether an existing network belongs to this stack's tenant alone, or to nobody."""
        if is_edge_network(name):
            return name in self.own_edges()
        project = self.networks.get(name, "")
        if name == ENTRY or is_reserved(project):
            return False
        if project == self.project:
            return True
        if project:
            return self._tenants_of_project(project) == {self.tenant}
        members = [entry for entry in self.containers if name in entry.networks and not is_reserved(entry.name)]
        return {self.tenant_of(entry) for entry in members} <= {self.tenant}

    def others_on(self, network: str) -> set[str]:
        """Return the names of the containers on a network that are neither of this stack nor VSA's own."""
        members = [entry for entry in self.containers if network in entry.networks and not self.is_own(entry)]
        return {entry.name for entry in members if not is_reserved(entry.name)}

    def has_volume(self, name: str) -> bool:
        """Say whether an existing volume belongs to this stack's tenant alone. A volume of nobody may have data."""
        project = self.volumes.get(name, "")
        if is_reserved(project):
            return False
        if project == self.project:
            return not self.former or (self.tenant, self.name) in self.stacks
        if project:
            return self._tenants_of_project(project) == {self.tenant}
        users = [entry for entry in self.containers if name in entry.volumes]
        return {self.tenant_of(entry) for entry in users} == {self.tenant}


def tenant_of_folder(folder: str, *, srv: str = "/srv") -> str | None:
    """Return the tenant whose stack lies in a folder, None if the folder is no stack's."""
    parent, _slash, name = folder.rpartition("/")
    top, _slash, tenant = parent.rpartition("/")
    return tenant if top == srv and tenant and name else None
