# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site and its manifest: the fields, what they mean, and how a manifest is read and written.

A manifest names only what somebody requested. The default of every other field is in the code, not in the manifest.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import forms
from ..errors import RefusedError
from ..hints import Hint
from ..networks import edge_network
from .fields import HEADERS, LIST, NUMBER, ROUTES, SWITCH, TEXT, list_of, number, row, rows_of, switch, text
from .headers import route_headers

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = (
    "DECLARED",
    "FIELDS",
    "NEVER_UNSET",
    "ROUTE_FIELDS",
    "SCHEMA",
    "Route",
    "Site",
    "certificate_authority",
    "parse",
    "refuse_double_names",
    "to_manifest",
)

SCHEMA = 1
# The origin of a manifest that an inventory declares. A manifest without an origin was typed.
DECLARED = "declared"
_BESIDE = ("schema", "domain", "origin")


@dataclass(frozen=True)
class Route:
    """A path prefix and the container that answers below it."""

    path: str = dataclasses.field(
        metadata=row(TEXT, text(forms.path), "The path prefix. The route with the longest one wins.", sample="/api/")
    )
    container: str = dataclasses.field(
        metadata=row(TEXT, text(forms.container), "The name of the container.", sample="api-1")
    )
    port: int = dataclasses.field(
        metadata=row(NUMBER, text(forms.port), "The port on which the container listens.", sample=8000)
    )
    profile: str | None = dataclasses.field(
        default=None,
        metadata=row(
            TEXT,
            text(forms.profile),
            "The kind of application below this path. It replaces the site's profile.",
            sample="sse",
        ),
    )
    strip_prefix: bool | None = dataclasses.field(
        default=None,
        metadata=row(SWITCH, switch, "Whether the container gets requests without the path.", sample=True),
    )
    headers: tuple[tuple[str, str], ...] = dataclasses.field(
        default=(),
        metadata=row(
            HEADERS,
            route_headers,
            "Headers that the container gets besides those of the proxy. A value is made of C($scheme), C($host), "
            "C($request_uri), C($request_method), C($remote_addr), C($server_port), C($request_id) and C(://).",
            sample={"Dify-Hook-Url": "$scheme://$host$request_uri"},
        ),
    )

    def __str__(self) -> str:
        profile = f":{self.profile}" if self.profile else ""
        return f"{self.path}={self.container}:{self.port}{profile}"


ROUTE_FIELDS = rows_of(Route)


def _route(value: object, *, field: str) -> Route:
    if not isinstance(value, Mapping):
        raise RefusedError("this is not a route", field=field, value=value, expected="path, container and port")
    unknown = sorted(str(key) for key in value if key not in ROUTE_FIELDS)
    if unknown:
        expected = ", ".join(ROUTE_FIELDS)
        raise RefusedError("a route has no such field", field=field, value=unknown[0], expected=expected)
    optional = ("profile", "strip_prefix", "headers")
    values = {
        name: entry.read(value.get(name), f"{field}/{name}")
        for name, entry in ROUTE_FIELDS.items()
        if value.get(name) is not None or name not in optional
    }
    # False is the default, and a default is not written: so there is one way to write a route.
    values["strip_prefix"] = values.get("strip_prefix") or None
    path = values["path"]
    if values["strip_prefix"] and (path == "/" or not path.endswith("/")):
        raise RefusedError(
            "this prefix cannot be stripped", field=f"{field}/strip_prefix", value=path, expected="a path such as /api/"
        )
    return Route(**values)


def _routes(value: object, field: str) -> tuple[Route, ...]:
    routes: tuple[Route, ...] = list_of(_route, most=100)(value, field)
    if not routes:
        raise RefusedError("a site needs a route", field=field, value="[]", expected="at least one PATH=CONTAINER:PORT")
    paths = [route.path for route in routes]
    double = next((path for path in paths if paths.count(path) > 1), None)
    if double:
        raise RefusedError("two routes have the same path", field=field, value=double, expected="each path once")
    return routes


_networks = list_of(forms.cidr, most=1000)


def _open_paths(value: object, field: str) -> tuple[str, ...]:
    """Return paths that stay open below a protected one; ``/`` would open all of them."""
    found: tuple[str, ...] = list_of(forms.path, most=100)(value, field)
    for position, path in enumerate(found):
        if path == "/":
            raise RefusedError(
                "this opens the whole site",
                field=f"{field}/{position}",
                value=path,
                expected="a path below a protected one",
            )
    return found


@dataclass(frozen=True)
class Site:
    """One valid manifest. A field is None or empty if the manifest does not name it: its default then applies."""

    domain: str
    routes: tuple[Route, ...] = dataclasses.field(
        metadata=row(
            ROUTES,
            _routes,
            "Which container answers below which path.",
            when_requested="Each route is V(PATH=NAME:PORT[:PROFILE]), or a mapping of C(path), C(container), C(port), "
            "C(profile), C(strip_prefix) and C(headers).",
            sample=({"path": "/", "container": "web-1", "port": 3000},),
            may_be_unset=False,
        )
    )
    aliases: tuple[str, ...] = dataclasses.field(
        default=(),
        metadata=row(
            LIST,
            list_of(forms.domain, most=100),
            "Further names of the site. The proxy redirects them to the domain.",
            sample=("shop.example.net",),
        ),
    )
    tenant: str | None = dataclasses.field(
        default=None,
        metadata=row(
            TEXT,
            text(forms.tenant),
            "The tenant who owns the site. The proxy reaches the containers on this tenant's edge network.",
            sample="acme",
        ),
    )
    email: str | None = dataclasses.field(
        default=None,
        metadata=row(TEXT, text(forms.email), "The contact of the ACME account.", sample="ops@example.com"),
    )
    ca: str | None = dataclasses.field(
        default=None,
        metadata=row(
            TEXT,
            text(forms.ca),
            "The certificate authority, V(letsencrypt), V(staging), V(selfsigned) or the https URL of an ACME "
            "directory.",
            sample="staging",
        ),
    )
    profile: str | None = dataclasses.field(
        default=None,
        metadata=row(
            TEXT,
            text(forms.profile),
            "The kind of application, V(web), V(sse), V(websocket), V(upload) or V(llm). It sets timeouts, buffering "
            "and the body size.",
            sample="upload",
        ),
    )
    body_size: str | None = dataclasses.field(
        default=None,
        metadata=row(
            TEXT,
            text(forms.size),
            "The largest request body, in NGINX's form. It replaces the profile's size.",
            sample="1g",
        ),
    )
    http3: bool | None = dataclasses.field(
        default=None, metadata=row(SWITCH, switch, "Whether the proxy offers HTTP/3 as well.", sample=True)
    )
    hsts: bool | None = dataclasses.field(
        default=None,
        metadata=row(
            SWITCH,
            switch,
            "Whether browsers are told to use HTTPS only. The proxy never says so with a staging or self-signed "
            "certificate.",
            sample=False,
        ),
    )
    rate_limit: str | None = dataclasses.field(
        default=None,
        metadata=row(
            TEXT,
            text(forms.rate),
            "How many requests one client may send, V(10r/s) or V(30r/m). A client is an IPv4 address or an IPv6 "
            "C(/64).",
            sample="10r/s",
        ),
    )
    rate_burst: int | None = dataclasses.field(
        default=None,
        metadata=row(
            NUMBER,
            number(least=0, most=10000),
            "How many requests beyond C(rate_limit) pass before the proxy answers 429.",
            sample=5,
        ),
    )
    client_connections: int | None = dataclasses.field(
        default=None,
        metadata=row(
            NUMBER,
            number(least=1, most=100_000),
            "How many requests one client may have in work at once. Each stream of HTTP/2 counts.",
            sample=500,
        ),
    )
    site_connections: int | None = dataclasses.field(
        default=None,
        metadata=row(
            NUMBER,
            number(least=1, most=100_000),
            "How many requests may be in work at once, whoever sends them.",
            sample=1000,
        ),
    )
    upstream_connections: int | None = dataclasses.field(
        default=None,
        metadata=row(
            NUMBER,
            number(least=1, most=100_000),
            "How many connections the proxy opens to one container.",
            sample=200,
        ),
    )
    uploads: int | None = dataclasses.field(
        default=None,
        metadata=row(
            NUMBER,
            number(least=1, most=10_000),
            "How many large request bodies the proxy keeps on disk at once.",
            sample=8,
        ),
    )
    allow: tuple[str, ...] = dataclasses.field(
        default=(),
        metadata=row(
            LIST,
            _networks,
            "The networks that may open the site. Everybody else gets 403.",
            sample=("203.0.113.0/24", "2001:db8::1"),
        ),
    )
    trusted_proxies: tuple[str, ...] = dataclasses.field(
        default=(),
        metadata=row(
            LIST,
            _networks,
            "The networks of a CDN in front of the host. The proxy believes their C(X-Forwarded-For).",
            sample=("198.51.100.0/24",),
        ),
    )
    timeout: str | None = dataclasses.field(
        default=None,
        metadata=row(
            TEXT,
            text(forms.duration),
            "How long a container may stay silent, in NGINX's form. It replaces the profile's timeout.",
            sample="5m",
        ),
    )
    www: str | None = dataclasses.field(
        default=None,
        metadata=row(
            TEXT,
            text(forms.www),
            "V(add) serves the site as C(www.) with the domain behind it, and redirects the bare domain. V(remove) "
            "serves the bare domain, and redirects C(www.).",
            sample="add",
        ),
    )
    maintenance: bool | None = dataclasses.field(
        default=None,
        metadata=row(
            SWITCH, switch, "Whether visitors get a maintenance page with status 503 instead of the site.", sample=True
        ),
    )
    maintenance_allow: tuple[str, ...] = dataclasses.field(
        default=(),
        metadata=row(
            LIST, _networks, "The networks that see the site also during maintenance.", sample=("203.0.113.7",)
        ),
    )
    # Only the paths are in the manifest. The users are in the password files.
    auth: tuple[str, ...] = dataclasses.field(
        default=(),
        metadata=row(
            LIST,
            list_of(forms.path, most=100),
            "The paths behind basic auth. Nobody can open them until auth add has added users.",
            sample=("/admin/",),
            # To open a protected path is a verb of its own, vsa auth remove.
            may_be_unset=False,
        ),
    )
    allow_unprotected: tuple[str, ...] = dataclasses.field(
        default=(),
        metadata=row(
            LIST,
            list_of(forms.path, most=100),
            "The paths that stay open although they lead to the same container as a protected path.",
            sample=("/api/admin/",),
        ),
    )
    auth_open: tuple[str, ...] = dataclasses.field(
        default=(),
        metadata=row(
            LIST,
            _open_paths,
            "The paths below a path behind basic auth that everybody can open, such as the webhooks of an application. "
            "Below them the container gets the C(Authorization) header.",
            sample=("/admin/hooks/",),
        ),
    )
    auth_pass: bool | None = dataclasses.field(
        default=None,
        metadata=row(
            SWITCH,
            switch,
            "Whether the container of a path behind basic auth gets the C(Authorization) header.",
            sample=True,
        ),
    )
    origin: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return every name that the proxy answers to and the certificate lists, the domain first."""
        www = (f"www.{self.domain}",) if self.www else ()
        return tuple(dict.fromkeys((self.domain, *www, *self.aliases)))

    @property
    def served(self) -> str:
        """Return the one name under which the containers are served. All other names redirect to it."""
        return f"www.{self.domain}" if self.www == "add" else self.domain

    @property
    def redirected(self) -> tuple[str, ...]:
        """Return the names that redirect to the served one."""
        return tuple(name for name in self.names if name != self.served)

    @property
    def network(self) -> str:
        """Return the edge network on which the proxy reaches the site's containers."""
        return edge_network(self.tenant)

    @property
    def containers(self) -> tuple[str, ...]:
        """Return the containers' names, each once, in the order of the routes."""
        return tuple(dict.fromkeys(route.container for route in self.routes))


# Every field that a manifest can name. ``schema``, ``domain`` and ``origin`` stand beside them.
FIELDS = rows_of(Site)

NEVER_UNSET = tuple(name for name, entry in FIELDS.items() if not entry.may_be_unset)


def _origin(value: object, field: str) -> str | None:
    if value not in (None, "typed", DECLARED):
        raise RefusedError("a manifest has no such origin", field=field, value=value, expected="declared")
    return DECLARED if value == DECLARED else None


def parse(data: object, *, where: str = "") -> Site:
    """Return the site that a manifest's mapping describes. ``where`` stands before the field's name in an error.

    RefusedError for an unknown field, a value that has not exactly its form, another schema, or fields that do not fit
    together.
    """
    fields = _known_fields(data, where)
    domain = forms.domain(fields.get("domain"), field=f"{where}domain")
    values = {}
    for name, entry in FIELDS.items():
        if fields.get(name) is not None:
            values[name] = entry.read(fields[name], f"{where}{name}")
    if "routes" not in values:
        raise RefusedError("a site needs a route", field=f"{where}routes", expected="at least one PATH=CONTAINER:PORT")
    site = Site(domain=domain, **values, origin=_origin(fields.get("origin"), f"{where}origin"))
    _refuse_contradictions(site, where)
    return site


def _known_fields(data: object, where: str) -> Mapping[str, Any]:
    """Return a manifest's mapping. RefusedError if it is none, has another schema, or an unknown field."""
    if not isinstance(data, Mapping):
        raise RefusedError("this manifest is not a mapping", field=where or "manifest", value=type(data).__name__)
    schema = data.get("schema", SCHEMA)
    if schema != SCHEMA or isinstance(schema, bool):
        raise RefusedError(
            "this VSA does not know the manifest's schema", field=f"{where}schema", value=schema, expected="1"
        )
    unknown = sorted(str(key) for key in data if key not in FIELDS and key not in _BESIDE)
    if unknown:
        raise RefusedError(
            "a manifest has no such field", field=f"{where}{unknown[0]}", value=unknown[0], expected=", ".join(FIELDS)
        )
    return data


def _refuse_contradictions(site: Site, where: str) -> None:
    """Raise RefusedError if two fields of a site contradict each other."""
    both = sorted({path.lower() for path in site.auth} & {path.lower() for path in site.auth_open})
    if both:
        raise RefusedError(
            "a path is behind basic auth and open", field=f"{where}auth_open", value=both[0], expected="one of the two"
        )
    if site.domain in site.aliases:
        raise RefusedError("an alias is the site's own domain", field=f"{where}aliases", value=site.domain)
    if site.www and site.domain.startswith("www."):
        raise RefusedError(
            "www is for a domain without www. before it",
            field=f"{where}www",
            value=site.www,
            expected=f"the domain {site.domain.removeprefix('www.')}",
        )
    if site.rate_burst is not None and site.rate_limit is None:
        raise RefusedError(
            "a burst needs a rate", field=f"{where}rate_burst", value=site.rate_burst, expected="rate_limit beside it"
        )


def to_manifest(site: Site) -> dict[str, object]:
    """Return the mapping to write: schema, domain, origin, then each field with a value, in the order of FIELDS."""
    manifest: dict[str, object] = {"schema": SCHEMA, "domain": site.domain}
    if site.origin is not None:
        manifest["origin"] = site.origin
    for name in FIELDS:
        value = getattr(site, name)
        if name == "routes":
            manifest[name] = [_route_mapping(route) for route in site.routes]
        elif isinstance(value, tuple) and value:
            manifest[name] = list(value)
        elif value not in (None, ()):
            manifest[name] = value
    return manifest


def _route_mapping(route: Route) -> dict[str, object]:
    values = {**dataclasses.asdict(route), "headers": dict(route.headers) or None}
    return {name: value for name, value in values.items() if value is not None}


def certificate_authority(site: Site, settings: Settings) -> str:
    """Return the CA of a site: the one in its manifest, else the one in the host's settings."""
    return site.ca or settings.ca


def refuse_double_names(site: Site, others: Mapping[str, str]) -> None:
    """Raise RefusedError if one of a site's names belongs to another site. ``others`` maps names to domains."""
    for name in site.names:
        owner = others.get(name)
        if owner is not None and owner != site.domain:
            raise RefusedError(
                f"{name} already belongs to the site {owner}",
                field=_field_of(site, name),
                value=name,
                hint=Hint("site.show", {"domain": owner}),
            )


def _field_of(site: Site, name: str) -> str:
    """Return the field that gives a site one of its names."""
    if name == site.domain:
        return "domain"
    return "aliases" if name in site.aliases else "www"
