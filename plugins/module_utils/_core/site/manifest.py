# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site: what its manifest may say, what that means, and how words typed change it.

A manifest says only what somebody said; a field that is absent or null has its default here and nowhere else.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import forms
from ..errors import RefusedError
from ..networks import edge_network

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = (
    "DECLARED",
    "FIELDS",
    "NEVER_UNSET",
    "SCHEMA",
    "Route",
    "Site",
    "certificate_authority",
    "claims",
    "parse",
    "refuse_double_names",
    "to_manifest",
)

SCHEMA = 1
# Where a manifest comes from: the inventory; one that does not say so was typed.
DECLARED = "declared"
_BESIDE = ("schema", "domain", "origin")


@dataclass(frozen=True)
class Route:
    """A path prefix and the container that answers below it."""

    path: str
    container: str
    port: int
    profile: str | None = None
    strip_prefix: bool | None = None

    def __str__(self) -> str:
        profile = f":{self.profile}" if self.profile else ""
        return f"{self.path}={self.container}:{self.port}{profile}"


@dataclass(frozen=True)
class Site:
    """One validated manifest; None means that it does not say."""

    domain: str
    routes: tuple[Route, ...]
    aliases: tuple[str, ...] = ()
    tenant: str | None = None
    email: str | None = None
    ca: str | None = None
    profile: str | None = None
    body_size: str | None = None
    http3: bool | None = None
    hsts: bool | None = None
    rate_limit: str | None = None
    rate_burst: int | None = None
    allow: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    timeout: str | None = None
    www: str | None = None
    maintenance: bool | None = None
    maintenance_allow: tuple[str, ...] = ()
    auth: tuple[str, ...] = ()
    auth_pass: bool | None = None
    origin: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return every name that the site answers to and its certificate covers, its own first."""
        return tuple(dict.fromkeys((self.domain, *([f"www.{self.domain}"] if self.www else ()), *self.aliases)))

    @property
    def served(self) -> str:
        """Return the one name that the backends are served under; every other one is redirected to it."""
        return f"www.{self.domain}" if self.www == "add" else self.domain

    @property
    def redirected(self) -> tuple[str, ...]:
        """Return the names that are redirected to the one served."""
        return tuple(name for name in self.names if name != self.served)

    @property
    def network(self) -> str:
        """Return the edge network on which the proxy reaches the site's containers."""
        return edge_network(self.tenant)

    @property
    def containers(self) -> tuple[str, ...]:
        """Return the containers' names, each once, in the order of the routes."""
        return tuple(dict.fromkeys(route.container for route in self.routes))


def _list(value: object, field: str, form: Callable[..., Any], most: int) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise RefusedError("this is not a list", field=field, value=value, expected="a list")
    if len(value) > most:
        raise RefusedError(f"these are more than {most}", field=field, value=len(value), expected=f"at most {most}")
    return tuple(dict.fromkeys(form(entry, field=f"{field}/{number}") for number, entry in enumerate(value)))


def _routes(value: object, field: str) -> tuple[Route, ...]:
    routes = _list(value, field, _route, 100)
    if not routes:
        raise RefusedError("a site needs a route", field=field, value="[]", expected="at least one PATH=CONTAINER:PORT")
    paths = [route.path for route in routes]
    double = next((path for path in paths if paths.count(path) > 1), None)
    if double:
        raise RefusedError("two routes have the same path", field=field, value=double, expected="each path once")
    return routes


def _route(value: object, *, field: str) -> Route:
    if not isinstance(value, Mapping):
        raise RefusedError("this is not a route", field=field, value=value, expected="path, container and port")
    known = [entry.name for entry in dataclasses.fields(Route)]
    unknown = sorted(str(key) for key in value if key not in known)
    if unknown:
        raise RefusedError("a route has no such field", field=field, value=unknown[0], expected=", ".join(known))
    wanted, strip = value.get("profile"), value.get("strip_prefix")
    path = forms.path(value.get("path"), field=f"{field}/path")
    # False is what is not said: one way to write it.
    strip = (strip is not None and forms.boolean(strip, field=f"{field}/strip_prefix")) or None
    if strip and (path == "/" or not path.endswith("/")):
        raise RefusedError(
            "this prefix cannot be stripped", field=f"{field}/strip_prefix", value=path, expected="a path such as /api/"
        )
    return Route(
        path=path,
        container=forms.container(value.get("container"), field=f"{field}/container"),
        port=forms.port(value.get("port"), field=f"{field}/port"),
        profile=None if wanted is None else forms.profile(wanted, field=f"{field}/profile"),
        strip_prefix=strip,
    )


# Every field of a manifest that can be said, with what reads it; schema, domain and origin stand beside them.
FIELDS: dict[str, Callable[[object, str], object]] = {
    "routes": _routes,
    "aliases": lambda value, field: _list(value, field, forms.domain, 100),
    "tenant": lambda value, field: forms.tenant(value, field=field),
    "email": lambda value, field: forms.email(value, field=field),
    "ca": lambda value, field: forms.ca(value, field=field),
    "profile": lambda value, field: forms.profile(value, field=field),
    "body_size": lambda value, field: forms.size(value, field=field),
    "http3": lambda value, field: forms.boolean(value, field=field),
    "hsts": lambda value, field: forms.boolean(value, field=field),
    "rate_limit": lambda value, field: forms.rate(value, field=field),
    "rate_burst": lambda value, field: forms.whole_number(value, field=field, least=0, most=10000),
    "allow": lambda value, field: _list(value, field, forms.cidr, 1000),
    "trusted_proxies": lambda value, field: _list(value, field, forms.cidr, 1000),
    "timeout": lambda value, field: forms.duration(value, field=field),
    "www": lambda value, field: forms.www(value, field=field),
    "maintenance": lambda value, field: forms.boolean(value, field=field),
    "maintenance_allow": lambda value, field: _list(value, field, forms.cidr, 1000),
    # The paths behind basic auth; who may pass lies in the password files, never in a manifest.
    "auth": lambda value, field: _list(value, field, forms.path, 100),
    "auth_pass": lambda value, field: forms.boolean(value, field=field),
}
# What is not merely unset: a site has to have routes, and opening a protected path is a verb of its own.
NEVER_UNSET = ("routes", "auth")


def _origin(value: object, field: str) -> str | None:
    if value not in (None, "typed", DECLARED):
        raise RefusedError("this is not where a manifest comes from", field=field, value=value, expected="declared")
    return DECLARED if value == DECLARED else None


def parse(data: object, *, where: str = "") -> Site:
    """Return the site that a manifest's mapping says; ``where`` is prefixed to the field's name in an error.

    Raises RefusedError for an unknown field, a value that is not exactly of its form, or another schema.
    """
    if not isinstance(data, Mapping):
        raise RefusedError("a manifest is a mapping", field=where or "manifest", value=type(data).__name__)
    if data.get("schema", SCHEMA) != SCHEMA or isinstance(data.get("schema"), bool):
        raise RefusedError(
            "this VSA does not know the manifest's schema",
            field=f"{where}schema",
            value=data.get("schema"),
            expected="1",
        )
    unknown = sorted(str(key) for key in data if key not in FIELDS and key not in _BESIDE)
    if unknown:
        raise RefusedError(
            "a manifest has no such field", field=f"{where}{unknown[0]}", value=unknown[0], expected=", ".join(FIELDS)
        )
    name = forms.domain(data.get("domain"), field=f"{where}domain")
    values = {key: read(data[key], f"{where}{key}") for key, read in FIELDS.items() if data.get(key) is not None}
    if "routes" not in values:
        raise RefusedError("a site needs a route", field=f"{where}routes", expected="at least one PATH=CONTAINER:PORT")
    origin = _origin(data.get("origin"), f"{where}origin")
    site = Site(domain=name, **values, origin=origin)  # type: ignore[arg-type]
    if name in site.aliases:
        raise RefusedError("an alias is the site's own domain", field=f"{where}aliases", value=name)
    if site.www and name.startswith("www."):
        raise RefusedError(
            "www is for a domain without www. before it",
            field=f"{where}www",
            value=site.www,
            expected=f"the domain {name.removeprefix('www.')}",
        )
    if site.rate_burst is not None and site.rate_limit is None:
        raise RefusedError(
            "a burst needs a rate", field=f"{where}rate_burst", value=site.rate_burst, expected="rate_limit beside it"
        )
    return site


def to_manifest(site: Site) -> dict[str, object]:
    """Return the mapping that is written: schema, domain, origin, then what is said, in the order of FIELDS."""
    said: dict[str, object] = {"schema": SCHEMA, "domain": site.domain}
    if site.origin is not None:
        said["origin"] = site.origin
    for key in FIELDS:
        value = getattr(site, key)
        if value is None or value == ():
            continue
        if key == "routes":
            value = [
                {name: part for name, part in dataclasses.asdict(route).items() if part is not None} for route in value
            ]
        said[key] = list(value) if isinstance(value, tuple) else value
    return said


def certificate_authority(site: Site, settings: Settings) -> str:
    """Return the CA that applies to a site: its manifest's, else the host's."""
    return site.ca or settings.ca


def claims(site: Site) -> dict[str, str]:
    """Return each name of a site with the site's domain."""
    return dict.fromkeys(site.names, site.domain)


def refuse_double_names(site: Site, others: Mapping[str, str]) -> None:
    """Raise RefusedError where one of a site's names already belongs to another site of the host."""
    for name in site.names:
        owner = others.get(name)
        if owner is not None and owner != site.domain:
            raise RefusedError(
                f"{name} already belongs to the site {owner}",
                field="domain" if name == site.domain else "aliases" if name in site.aliases else "www",
                value=name,
                hint=f"vsa site show {owner}",
            )
