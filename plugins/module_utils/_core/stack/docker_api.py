# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services read Docker through the read-only API of the host, and the refusal of every other service.

The stack ``docker-api`` runs two instances of an allow-list before the engine's socket. Each instance is on a network
of its own, which only the services that ``stack.yml`` names may join.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import RefusedError
from ..networks import DOCKER_INSPECT, DOCKER_LIST
from .config import Project
from .entries import no_such_service, service_name

__all__ = ("DOCKER_API", "NETWORKS", "DockerReader", "parse_docker_api", "refuse_docker_api")

DOCKER_API = "docker-api"
"""The stack that runs the two instances. Its own containers are on both networks."""

NETWORKS: Mapping[str, str] = {"list": DOCKER_LIST, "inspect": DOCKER_INSPECT}
"""The network of each instance. ``inspect`` shows every variable of every container, so it is apart from ``list``."""


@dataclass(frozen=True)
class DockerReader:
    """A service that reads Docker, and what it may read: ``list`` or ``inspect``."""

    service: str
    level: str

    @property
    def network(self) -> str:
        """Return the network on which the service reaches the API."""
        return NETWORKS[self.level]


def parse_docker_api(value: object, field: str) -> tuple[DockerReader, ...]:
    """Return the services that read Docker: a mapping from a service to ``list`` or ``inspect``."""
    if not isinstance(value, Mapping):
        raise RefusedError("this is not a mapping", field=field, value=value, expected="SERVICE: list or inspect")
    found = []
    for name, level in value.items():
        service = service_name(name, field)
        if not isinstance(level, str) or level not in NETWORKS:
            raise RefusedError(
                "this is no part of Docker's API", field=f"{field}/{service}", value=level, expected="list or inspect"
            )
        found.append(DockerReader(service, level))
    return tuple(found)


def refuse_docker_api(project: Project, readers: tuple[DockerReader, ...], *, where: str) -> None:
    """Raise RefusedError if the services on the two networks are not exactly those that stack.yml names."""
    if not project.services:
        return
    declared = {(reader.service, reader.network) for reader in readers}
    for reader in readers:
        if reader.service not in project.services:
            raise no_such_service(reader.service, project.services, field=where)
    joined = {
        (service.name, network)
        for service in project.services.values()
        for network in project.network_of(service).networks
        if network in NETWORKS.values()
    }
    for name, network in sorted(joined - declared):
        raise RefusedError(
            f"{name} is on {network}, and stack.yml does not say that {name} reads Docker",
            field=where,
            value=name,
            expected=f"{name}: {_level_of(network)}, or the service without this network",
        )
    for name, network in sorted(declared - joined):
        raise RefusedError(
            f"{name} reads Docker, and the Compose file does not put {name} on {network}",
            field=where,
            value=name,
            expected=f"the external network {network} for {name}",
        )


def _level_of(network: str) -> str:
    return next(level for level, name in NETWORKS.items() if name == network)
