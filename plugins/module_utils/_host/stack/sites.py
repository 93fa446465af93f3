# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sites of a stack: with which options they are provisioned, and which paths still need their first user.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..._core import forms
from ..._core.auth import htpasswd
from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..._core.networks import edge_network
from ..._core.stack.compose import COMPOSE
from ..._core.stack.config import Project
from ..._core.stack.entries import no_such_service
from ..._core.stack.env import ENV
from ..._core.stack.manifest import ROLLING, Stack
from ..._core.stack.sites import StackSite
from ..store.generations import Generations
from ..store.layout import Paths
from ..store.manifests import parse_manifest, read_manifest
from ..store.passwords import read_users_file
from .folder import MANIFEST

__all__ = ("ADMIN", "containers_led_to", "live_sites", "missing_admins", "site_options", "with_containers")

ADMIN = "admin"
"""The first user of a path behind basic auth."""
_NONE: Mapping[str, str] = MappingProxyType({})


def live_sites(paths: Paths) -> dict[str, list[str]]:
    """Return the containers of each live site by its domain."""
    return {domain: list(entry["containers"]) for domain, entry in Generations(paths).live_sites().items()}


def containers_led_to(paths: Paths) -> set[str]:
    """Return the containers that the live sites lead to."""
    return {name for names in live_sites(paths).values() for name in names}


def site_options(paths: Paths, stack: Stack, variables: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """Return the options with which the module ``site`` provisions each site, as far as the stack's files say."""
    return tuple(_options(paths, stack, number, variables) for number in range(len(stack.sites)))


def _options(paths: Paths, stack: Stack, number: int, variables: Mapping[str, str]) -> dict[str, Any]:
    site = stack.sites[number]
    domain = _domain(stack, site, f"{MANIFEST}/sites/{number}/domain_from", variables)
    return {
        "domain": domain,
        "container": None if site.routes else site.container or f"{stack.project}-{site.service}-1",
        "port": site.port,
        "profile": site.profile,
        "tenant": stack.tenant,
        "routes": None,
        "aliases": list(site.aliases) or None,
        "auth": _protected(paths, domain, site) or None,
        "auth_open": list(site.auth_open) or None,
    }


def _domain(stack: Stack, site: StackSite, place: str, variables: Mapping[str, str]) -> str:
    """Return the domain of a site. RefusedError if its variable is missing in env/.env, or is no domain."""
    if site.domain_from is None:
        return str(site.domain)
    value = variables.get(site.domain_from)
    if not value:
        raise RefusedError(
            f"the variable {site.domain_from} is not set, and a site of the stack needs it as its domain",
            field=place,
            value=site.domain_from,
            expected=f"{site.domain_from}=shop.example.com in {ENV}",
            hint=Hint("stack.up", {"name": stack.name, "env": {site.domain_from: "DOMAIN"}}),
        )
    return forms.domain(value, field=f"{ENV}/{site.domain_from}")


def _protected(paths: Paths, domain: str, site: StackSite) -> list[str]:
    """Return the paths behind basic auth: those of the stack, and those that an operator protected. None is opened."""
    text = read_manifest(paths, domain) if site.auth else None
    present = parse_manifest(domain, text).auth if text else ()
    return list(dict.fromkeys((*present, *site.auth)))


def with_containers(
    stack: Stack, options: Sequence[dict[str, Any]], project: Project, *, there: Mapping[str, str] = _NONE
) -> list[dict[str, Any]]:
    """Return the options of the sites with the containers that Compose makes.

    ``there``: the containers that services have already, by service. The number of a rolling one grows.

    RefusedError if there is no such service, or if it is not on its tenant's edge network by the Compose file: VSA
    would have to connect the container to a network that the file does not name.
    """
    made = []
    for number, (site, said) in enumerate(zip(stack.sites, options, strict=True)):
        place = f"{MANIFEST}/sites/{number}"
        if not site.routes:
            named = _container(stack, project, site.container, site.service, place, there)
            made.append(_led(stack, said, named))
            continue
        routes = []
        for position, route in enumerate(site.routes):
            here = f"{place}/routes/{position}"
            named = _container(stack, project, route.container, route.service, here, there)
            routes.append({**route.fields, "container": named})
        made.append({**said, "routes": routes})
    return made


def _led(stack: Stack, said: dict[str, Any], container: str) -> dict[str, Any]:
    """Return the options of a site that leads to one container.

    A site of a rolling stack says it as a list of routes, which replaces what a killed rolling update left there.
    """
    if stack.deploy != ROLLING:
        return {**said, "container": container}
    route = {"path": "/", "container": container, "port": said["port"]}
    return {**said, "container": None, "port": None, "routes": [route]}


def _container(
    stack: Stack, project: Project, container: str | None, service: str | None, place: str, there: Mapping[str, str]
) -> str:
    """Return the container of a route, which is named or is that of a service."""
    edge = edge_network(stack.tenant)
    found = project.services.get(service) if service else project.of_container(str(container))
    if project.services and service and (found is None or not found.containers):
        raise no_such_service(service, project.services, field=f"{place}/service")
    if found is not None and edge not in found.networks:
        raise RefusedError(
            f"the service {found.name} has a site, and is not on the network {edge}",
            field=place,
            value=found.name,
            expected=f"the external network {edge} at the service {found.name} of {COMPOSE}",
        )
    if container is not None:
        return container
    if service is not None and service in there:
        return forms.container(there[service])
    return forms.container(found.containers[0] if found is not None else f"{stack.project}-{service}-1")


def missing_admins(paths: Paths, sites: Sequence[Mapping[str, Any]], *, password: bool) -> list[dict[str, str]]:
    """Return the user to add at each protected path of the sites that has none: nobody could open it.

    RefusedError if there is one to add, and the controller has no ``password`` for it.
    """
    missing = []
    for site in sites:
        for route in site["auth"] or ():
            users = htpasswd.users(read_users_file(paths, site["domain"], route) or "")
            if not users:
                missing.append({"user": ADMIN, "domain": site["domain"], "route": route})
    if missing and not password:
        raise RefusedError(
            f"{missing[0]['domain']}{missing[0]['route']} asks for a password, and has no user yet",
            field="password_file",
            value="(not given)",
            expected=f"a file on the controller with the password of the user {ADMIN}, in one line",
        )
    return missing
