# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sites of a stack.yml: the domain, where its paths lead, and which paths ask for a password.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import forms
from ..errors import RefusedError
from ..site.manifest import FIELDS
from .entries import entries, service_name

__all__ = ("StackRoute", "StackSite", "active_sites", "sites")

_KEYS = (
    "domain", "domain_from", "compose_profile", "container", "service", "port", "profile", "routes", "aliases", "auth",
    "auth_open",
)  # fmt: skip
_ROUTE_KEYS = ("path", "container", "service", "port", "profile", "strip_prefix", "headers")
# Stands for a container whose name Compose makes, while a route is checked.
_UNNAMED = "service"


@dataclass(frozen=True)
class StackRoute:
    """A route of a site: ``container`` or ``service`` says where it leads. ``fields`` has everything else."""

    container: str | None
    service: str | None
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class StackSite:
    """A site that the stack provisions; exactly one of ``domain`` and ``domain_from`` is set.

    * ``domain_from`` names the variable of env/.env whose value is the domain.
    * ``compose_profile``: the profile of Compose with which the site is provisioned; None if it always is.
    * ``container`` names the container to which the site leads, or ``service`` the service that has the container. A
      site with ``routes`` has neither, and no ``port``.
    * ``auth``: the paths behind a password. ``auth_open``: the paths below them that stay open.
    """

    container: str | None
    port: int | None
    service: str | None = None
    domain: str | None = None
    domain_from: str | None = None
    compose_profile: str | None = None
    profile: str | None = None
    routes: tuple[StackRoute, ...] = ()
    aliases: tuple[str, ...] = ()
    auth: tuple[str, ...] = ()
    auth_open: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[tuple[str | None, str | None], ...]:
        """Return the container or the service of each route, in their order."""
        found = tuple((route.container, route.service) for route in self.routes)
        return found or ((self.container, self.service),)


def sites(value: object, field: str) -> tuple[StackSite, ...]:
    """Return the sites of a stack. RefusedError if one has not its form."""
    return tuple(_site(entry, place) for entry, place in entries(value, field, _KEYS))


def active_sites(found: tuple[StackSite, ...], variables: Mapping[str, str]) -> tuple[StackSite, ...]:
    """Return the sites of a stack whose profile of Compose is on. ``variables`` are those of env/.env."""
    profiles = {name.strip() for name in variables.get("COMPOSE_PROFILES", "").split(",")}
    wanted = {None, *profiles} if "*" not in profiles else {site.compose_profile for site in found}
    return tuple(site for site in found if site.compose_profile in wanted)


def _site(entry: Mapping[str, Any], place: str) -> StackSite:
    if ("domain" in entry) == ("domain_from" in entry):
        raise RefusedError(
            "a stack's site says either its domain or the variable that has it", field=place, expected="domain_from"
        )
    domain = variable = profile = compose_profile = container = service = port = None
    routes: tuple[StackRoute, ...] = ()
    if "routes" in entry:
        for key in ("container", "service", "port"):
            if key in entry:
                raise RefusedError("a site with routes says this at each of them", field=f"{place}/{key}")
        routes = _routes(entry["routes"], f"{place}/routes")
    else:
        container, service = _target(entry, place)
        port = forms.port(entry.get("port"), field=f"{place}/port")
    if "domain" in entry:
        domain = forms.domain(entry["domain"], field=f"{place}/domain")
    else:
        variable = forms.variable(entry["domain_from"], field=f"{place}/domain_from")
    if "compose_profile" in entry:
        compose_profile = service_name(entry["compose_profile"], f"{place}/compose_profile")
    if "profile" in entry:
        profile = forms.profile(entry["profile"], field=f"{place}/profile")
    lists = {name: _list(entry, name, place) for name in ("aliases", "auth", "auth_open")}
    both = {path.lower() for path in lists["auth"]} & {path.lower() for path in lists["auth_open"]}
    if both:
        raise RefusedError(
            "a path is behind a password and open",
            field=f"{place}/auth_open",
            value=min(both),
            expected="a path below a protected one",
        )
    return StackSite(
        domain=domain,
        domain_from=variable,
        compose_profile=compose_profile,
        container=container,
        service=service,
        port=port,
        profile=profile,
        routes=routes,
        **lists,
    )


def _target(entry: Mapping[str, Any], place: str) -> tuple[str | None, str | None]:
    """Return the container or the service to which a site or a route leads."""
    if ("container" in entry) == ("service" in entry):
        raise RefusedError(
            "a stack's site says either its container or the service that has the container",
            field=place,
            expected="service",
        )
    if "container" in entry:
        return forms.container(entry["container"], field=f"{place}/container"), None
    return None, service_name(entry["service"], f"{place}/service")


def _routes(value: object, field: str) -> tuple[StackRoute, ...]:
    """Return the routes of a site: those of a manifest, except that a service may stand for its container."""
    found = [(entry, _target(entry, place)) for entry, place in entries(value, field, _ROUTE_KEYS)]
    plain = [{**_without_service(entry), "container": container or _UNNAMED} for entry, (container, _service) in found]
    read = FIELDS["routes"].read(plain, field)
    if len(read) != len(found):
        raise RefusedError("two routes are the same", field=field, expected="each path once")
    made = []
    for route, (_entry, (container, service)) in zip(read, found, strict=True):
        fields = {"path": route.path, "port": route.port, "profile": route.profile, "strip_prefix": route.strip_prefix}
        fields["headers"] = dict(route.headers)
        made.append(StackRoute(container, service, {name: said for name, said in fields.items() if said}))
    return tuple(made)


def _without_service(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "service"}


def _list(entry: Mapping[str, Any], name: str, place: str) -> tuple[str, ...]:
    found: tuple[str, ...] = FIELDS[name].read(entry.get(name, []), f"{place}/{name}")
    return found
