# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``deploy: rolling`` of a stack: which services roll, what forbids it, and which containers come, stay and go.

A service rolls if a site of stack.yml names it. The containers of its new version start beside those of the old one.
When they are healthy, the proxy leads the sites to them, and the old ones are drained and removed.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import RefusedError
from ..hints import Hint
from .config import Project, Service
from .manifest import ROLLING, Stack

__all__ = (
    "WARM",
    "Replica",
    "Roll",
    "chosen_container",
    "moved_routes",
    "plan_roll",
    "refuse_other_sites",
    "refuse_rolling",
    "replica_number",
    "rolling_services",
    "site_services",
    "warmed_routes",
)

WARM = "/.well-known/rolling-update/"
"""Below this path a site leads to its next containers for a moment, before its own routes do."""

_WHY = {
    "container_name": ("has a container_name, which only one container can have", "no container_name"),
    "ports": ("publishes a port, which only one container can have", "a site instead of the published port"),
    "network_mode": ("has no network of its own", "no network_mode"),
    "networks": ("has a fixed address, which only one container can have", "no fixed address"),
}


@dataclass(frozen=True)
class Replica:
    """A container of a rolling service.

    * ``current``: whether it is of the version that shall run. ``well``: whether it runs and passes its health check.
    """

    name: str
    id: str
    current: bool
    running: bool = True
    well: bool = True


@dataclass(frozen=True)
class Roll:
    """What a rolling update does to the containers of one service.

    * ``keep``: the containers that stay. ``missing``: how many more of the new version have to start.
    * ``leaving``: the containers that run and go at the end. ``stale``: the stopped ones that go at once.
    """

    service: str
    keep: tuple[Replica, ...] = ()
    missing: int = 0
    leaving: tuple[Replica, ...] = ()
    stale: tuple[Replica, ...] = ()

    @property
    def needed(self) -> bool:
        """Say whether a container serves that has to go. Otherwise Compose alone does what is left to do."""
        return bool(self.leaving) or bool(self.stale and any(replica.running for replica in self.keep))

    @property
    def starts(self) -> bool:
        """Say whether Compose has to start a container."""
        return bool(self.missing) or not all(replica.running for replica in self.keep)

    @property
    def scale(self) -> int:
        """Return how many containers the service has until the old ones go."""
        return len(self.keep) + self.missing + len(self.leaving)


def site_services(stack: Stack) -> tuple[str, ...]:
    """Return the services that the sites of a stack name."""
    named = [service for site in stack.sites for _container, service in site.targets if service]
    return tuple(dict.fromkeys(named))


def rolling_services(stack: Stack) -> tuple[str, ...]:
    """Return the services of a stack that roll: those that its sites name. Empty if the stack is not rolling."""
    return site_services(stack) if stack.deploy == ROLLING else ()


def refuse_rolling(stack: Stack, project: Project, *, where: str) -> None:
    """Raise RefusedError if a rolling service cannot have two containers at a time, or nobody knows when it is ready.

    ``where`` is the place of ``deploy`` in stack.yml.
    """
    if stack.deploy != ROLLING:
        return
    names = rolling_services(stack)
    if not names:
        raise RefusedError(
            "a stack rolls by its sites, and no site names a service",
            field=where,
            value=ROLLING,
            expected="a site with the field service",
        )
    for name in names:
        service = project.services.get(name)
        if service is not None:
            _refuse_service(service, project)
    for site in stack.sites:
        for container, _service in site.targets:
            rolls = next((name for name in names if replica_number(project, name, container or "") is not None), None)
            if rolls:
                raise RefusedError(
                    f"a site names the container {container}, and the service {rolls} is rolling",
                    field=where.replace("deploy", "sites"),
                    value=container,
                    expected=f"service: {rolls}",
                )


def _refuse_service(service: Service, project: Project) -> None:
    for key in service.obstacles:
        why, expected = _WHY[key]
        raise _refused(f"{service.name} {why}", service.name, key, expected)
    if not service.checked:
        raise _refused(
            f"{service.name} has no healthcheck, so nobody knows when a new container is ready",
            service.name,
            "healthcheck",
            "a healthcheck in the Compose file",
        )
    for other in project.services.values():
        if other.shares == service.name:
            raise _refused(
                f"{other.name} uses the network of one container of {service.name}",
                other.name,
                "network_mode",
                "a network of its own",
            )


def _refused(message: str, service: str, key: str, expected: str) -> RefusedError:
    return RefusedError(
        f"a rolling service cannot run twice: {message}" if key != "healthcheck" else message,
        field=f"compose.yml/services/{service}/{key}",
        value=service,
        expected=f"{expected}, or no deploy: rolling in stack.yml",
    )


def refuse_other_sites(
    stack: Stack, project: Project, live: Mapping[str, Collection[str]], *, declared: Collection[str]
) -> None:
    """Raise RefusedError if a live site that stack.yml does not declare leads to a container of a rolling service.

    ``live`` are the containers of each live site by its domain; ``declared`` are the domains of stack.yml.
    """
    for domain in sorted(set(live) - set(declared)):
        for name in rolling_services(stack):
            found = [entry for entry in live[domain] if replica_number(project, name, entry) is not None]
            if found:
                raise RefusedError(
                    f"the site {domain} leads to {found[0]}, which goes with the next version of {name}",
                    field="stack.yml/deploy",
                    value=ROLLING,
                    expected=f"{domain} among the sites of stack.yml, with service: {name}",
                    hint=Hint("site.unprovision", {"domain": domain, "keep_container": True}, note="or take it off"),
                )


def replica_number(project: Project, service: str, container: str) -> int | None:
    """Return the number in the name that Compose gives to a container of a service; None if the name is another one."""
    found = project.services.get(service)
    prefix = f"{project.name}-{service}-"
    number = container.removeprefix(prefix)
    if found is None or not container.startswith(prefix) or not (number.isascii() and number.isdigit()):
        return None
    return int(number)


def plan_roll(service: str, replicas: Iterable[Replica], *, wanted: int, served: Collection[str]) -> Roll:
    """Return what a rolling update does, whatever an earlier update left.

    ``wanted`` is the number of replicas, ``served`` are the containers that live sites lead to. If there are too many
    containers of the new version, those that serve a site stay, and those that are well.
    """
    found = list(replicas)
    current = [replica for replica in found if replica.current]
    current.sort(key=lambda replica: (replica.name not in served, not replica.well))
    keep = current[:wanted]
    rest = [replica for replica in found if replica not in keep]
    return Roll(
        service,
        keep=tuple(keep),
        missing=wanted - len(keep),
        leaving=tuple(replica for replica in rest if replica.running),
        stale=tuple(replica for replica in rest if not replica.running),
    )


def chosen_container(project: Project, service: str, names: Iterable[str], served: Collection[str]) -> str | None:
    """Return the container that a site of a rolling service leads to: the one that serves it, or the oldest.

    ``names`` are the containers that the engine has. None if no container of the service is among them.
    """
    numbered = [(replica_number(project, service, name), name) for name in names]
    known = sorted((number, name) for number, name in numbered if number is not None)
    serving = [name for _number, name in known if name in served]
    return next(iter(serving or (name for _number, name in known)), None)


def moved_routes(routes: Sequence[Mapping[str, object]], moves: Mapping[str, str]) -> list[dict[str, object]]:
    """Return the routes of a manifest, with the containers in ``moves`` replaced by those that stay.

    The routes of ``warmed_routes`` are left out.
    """
    own = [route for route in routes if not str(route["path"]).startswith(WARM)]
    return [{**route, "container": moves.get(str(route["container"]), route["container"])} for route in own]


def warmed_routes(routes: Sequence[Mapping[str, object]], moves: Mapping[str, str]) -> list[dict[str, object]]:
    """Return the routes of a manifest as they are, and a route below WARM to each container that moved routes lead to.

    The proxy looks a new name up after it has loaded the configuration, and answers 502 until then. A name that the
    proxy knows already keeps its address across a reload.
    """
    own = [dict(route) for route in routes if not str(route["path"]).startswith(WARM)]
    leads = [(moves[str(route["container"])], route["port"]) for route in own if str(route["container"]) in moves]
    new = list(dict.fromkeys(leads))
    return own + [
        {"path": f"{WARM}{number}/", "container": container, "port": port}
        for number, (container, port) in enumerate(new, 1)
    ]
