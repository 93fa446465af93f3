# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``docker compose config --format json`` says of a stack, as values. Nothing else reads a Compose file.

A mapping in, values out; Compose is asked elsewhere.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import RefusedError
from .policy import said_by_compose

__all__ = ("Project", "Service", "read_project", "refuse_unpinned", "run_once")

_COMPLETED = "service_completed_successfully"


@dataclass(frozen=True)
class Service:
    """A service that Compose runs: of the profiles that are active.

    * ``image``: what its containers run; Compose names the image itself if the service only has a ``build``.
    * ``replicas``: how many containers it has. ``once``: whether its container ends, and others wait for that.
    * ``containers``: the names of its containers. ``networks``: the names of its networks.
    * ``exits``: by which of its networks it reaches what is outside of the stack. ``shares``: the service whose network
      it uses, None if it has its own.
    * ``obstacles``: the keys of the Compose file because of which no second container can run beside the first.
      ``checked``: whether the Compose file has a health check for it.
    """

    name: str
    image: str
    builds: bool = False
    replicas: int = 1
    once: bool = False
    containers: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    exits: tuple[str, ...] = ()
    shares: str | None = None
    obstacles: tuple[str, ...] = ()
    checked: bool = False


@dataclass(frozen=True)
class Project:
    """The Compose project of a stack: its services by name, and its networks as Compose writes them."""

    services: Mapping[str, Service]
    networks: Mapping[str, Any]
    name: str = ""

    def network_of(self, service: Service) -> Service:
        """Return the service whose network a service uses, which is mostly itself.

        If that service is not in the project, the last one that is: its ``shares`` names the missing one.
        """
        seen = {service.name}
        while service.shares is not None and service.shares not in seen and service.shares in self.services:
            seen.add(service.shares)
            service = self.services[service.shares]
        return service

    def of_container(self, name: str) -> Service | None:
        """Return the service that has a container of this name, None if none has."""
        return next((service for service in self.services.values() if name in service.containers), None)


def read_project(text: str) -> Project:
    """Return what Compose says of a stack. ``text`` is Compose's own JSON, in which a dollar is written twice."""
    config = said_by_compose(text)
    project = str(config.get("name") or "")
    services = {str(name): entry or {} for name, entry in (config.get("services") or {}).items()}
    networks = config.get("networks") or {}
    once = run_once(services)
    return Project(
        {name: _service(name, entry, project, networks, once=name in once) for name, entry in services.items()},
        networks,
        project,
    )


def run_once(services: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the services that others await the end of. ``services`` is as Compose says it."""
    return {
        str(other)
        for entry in services.values()
        for other, wait in _dependencies(entry).items()
        if (wait or {}).get("condition") == _COMPLETED
    }


def _dependencies(service: Mapping[str, Any]) -> Mapping[str, Any]:
    found = service.get("depends_on")
    return found if isinstance(found, Mapping) else {}


def _service(name: str, entry: Mapping[str, Any], project: str, networks: Mapping[str, Any], *, once: bool) -> Service:
    replicas = _replicas(entry)
    given = entry.get("container_name")
    numbered = tuple(f"{project}-{name}-{number}" for number in range(1, replicas + 1))
    return Service(
        name=name,
        image=str(entry.get("image") or f"{project}-{name}"),
        builds=bool(entry.get("build")),
        replicas=replicas,
        once=once,
        containers=(str(given),) if given else numbered,
        networks=tuple(str((networks.get(key) or {}).get("name") or key) for key in entry.get("networks") or ()),
        exits=tuple(_exits(entry, networks)),
        shares=_shared(entry),
        obstacles=tuple(_obstacles(entry)),
        checked=_is_checked(entry),
    )


def _obstacles(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a service that name something that only one container can have."""
    for key in ("container_name", "ports", "network_mode"):
        if entry.get(key):
            yield key
    ends = entry.get("networks")
    fixed = [end for end in ends.values() if isinstance(end, Mapping)] if isinstance(ends, Mapping) else []
    if any(end.get(key) for end in fixed for key in ("ipv4_address", "ipv6_address", "mac_address")):
        yield "networks"


def _is_checked(entry: Mapping[str, Any]) -> bool:
    check = entry.get("healthcheck") or {}
    test = check.get("test") or []
    return bool(test) and not check.get("disable") and test != ["NONE"]


def _shared(entry: Mapping[str, Any]) -> str | None:
    kind, _colon, name = str(entry.get("network_mode") or "").partition(":")
    return name if kind == "service" else None


def _exits(entry: Mapping[str, Any], networks: Mapping[str, Any]) -> list[str]:
    """Return the networks of a service that lead out of the stack: all but its own that are internal."""
    mode = str(entry.get("network_mode") or "")
    if mode:
        return [] if mode == "none" or mode.startswith("service:") else [mode]
    found = []
    for key in entry.get("networks") or {"default": None}:
        network = networks.get(key) or {}
        if network.get("external") or not network.get("internal"):
            found.append(str(network.get("name") or key))
    return found


def _replicas(entry: Mapping[str, Any]) -> int:
    for found in (entry.get("scale"), (entry.get("deploy") or {}).get("replicas")):
        if isinstance(found, int):
            return found
    return 1


def refuse_unpinned(project: Project, *, known: Collection[str] = ()) -> list[str]:
    """Refuse a service whose image may be another one tomorrow. The notes name the ``known`` services that have one.

    RefusedError if the tag is missing or ``latest``: the host must run what was tested. What is built is pinned by its
    files.
    """
    notes = []
    for service in project.services.values():
        if service.builds or _is_pinned(service.image):
            continue
        if service.name not in known:
            raise RefusedError(
                "an image is not pinned",
                field=f"compose.yml/services/{service.name}/image",
                value=service.image,
                expected="a tag other than latest",
            )
        notes.append(f"the image {service.image} of {service.name} is not pinned: stack.yml allows that")
    return notes


def _is_pinned(image: str) -> bool:
    tag = image.rpartition("/")[2].partition(":")[2]
    return "@" in image or tag not in ("", "latest")
