# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine from whose host a site is removed: containers and networks in memory."""

from __future__ import annotations

from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.removal import ContainerInfo
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_site import Written

__all__ = ("RemovalEngine", "container_info")


class RemovalEngine:
    """The containers and networks of a host, in memory."""

    def __init__(self, *infos: ContainerInfo) -> None:
        self.infos = list(infos)
        self.networks = {"flowbiz_ext": {}, "flowbiz_ext_acme": {"Labels": {"vsa.edge": "1"}}}
        self.joins: set[tuple[str, str]] = set()

    def container_infos(self) -> list[ContainerInfo]:
        """Return every container."""
        return self.infos

    def remove_container(self, identity: str) -> None:
        """Remove a container."""
        self.infos = [info for info in self.infos if info.id != identity]

    def written(self, _info: ContainerInfo) -> Written:
        """Return what a container wrote outside of its volumes."""
        return Written(2048, 4, ("/data/db",))

    def volumes(self) -> dict[str, dict[str, str]]:
        """There are none."""
        return {}

    def members(self, network: str) -> list[str]:
        """Return the containers on a network."""
        return [info.name for info in self.infos if network in info.networks]

    def network(self, name: str) -> dict[str, Any] | None:
        """Return a network, or None."""
        return self.networks.get(name)

    def remove_edge(self, name: str) -> list[str] | None:
        """Remove an edge network, or return who is on it."""
        if self.members(name):
            return self.members(name)
        del self.networks[name]
        return None

    def project_networks(self, project: str) -> list[str]:
        """Return the networks of a Compose project."""
        return [name for name in self.networks if name.startswith(f"{project}_")]

    def remove_network(self, name: str) -> None:
        """Remove a network."""
        del self.networks[name]

    def joined(self, name: str, network: str) -> bool:
        """Say whether VSA connected a container."""
        return (name, network) in self.joins

    def disconnect(self, network: str, name: str) -> None:
        """Disconnect a container."""
        self.joins.remove((name, network))


def container_info(name: str, **more: Any) -> ContainerInfo:
    """Return a container on the tenant's edge network."""
    return ContainerInfo(name, f"id-{name}", image="web:1", networks=("flowbiz_ext_acme",), **more)
