# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the NGINX files of a generation from sites and settings.

The templates are files of the role ``vhost``; their text comes from the controller. They are rendered in Jinja's
sandbox, and an undefined name is an error. No value may contain a character that means something to NGINX, even if the
check of the manifest let it pass.
Source: https://nginx.org/en/docs/
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..auth.htpasswd import file_name
from ..cert.status import DIRECTORIES
from ..errors import InternalError, RefusedError, VsaError
from ..settings import Settings
from ..site.manifest import Route, Site, certificate_authority
from .locations import Location, locations

try:
    from jinja2 import StrictUndefined, Template, TemplateError, Undefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ImportError:  # ansible-test imports every module_util without its libraries
    ImmutableSandboxedEnvironment = None  # type: ignore[assignment,misc]

__all__ = (
    "DROPPED_HEADERS",
    "PAGES",
    "PROFILES",
    "TEMPLATES",
    "Layout",
    "Renderer",
)

TEMPLATES = ("nginx.conf.j2", "site.conf.j2", "auth.js.j2")
# The pages that the proxy itself answers with. They are plain files and part of each generation.
PAGES = ("maintenance.html", "maintenance.json", "unavailable.html", "unavailable.json")

# Shared memory of basic auth. The names carry the parameters: if the parameters of a zone change and its name does not,
# the configuration passes the test and fails the reload.
_AUTH_ZONES = {"memory_zone": "vsa_auth_2m_300s", "key_zone": "vsa_auth_key_32k"}

# The key of a rate limit. A map in nginx.conf counts an IPv6 network of 64 bits as one client.
_CLIENT = "$vsa_client"

# Browsers refuse these certificates. With HSTS a visitor could then not open the site at all.
_NEVER_HSTS = ("selfsigned", "staging", DIRECTORIES["staging"])
_UNSAFE = re.compile(r"[\x00-\x1f\x7f;{}\"'\\$#`]")


@dataclass(frozen=True)
class _Profile:
    """What one kind of application needs of the proxy. Times and sizes are in NGINX's form."""

    body_size: str
    buffering: str
    request_buffering: str
    read_timeout: str
    send_timeout: str


# Nothing is held back from a client by default: a stream that a proxy buffers is the field's commonest complaint.
PROFILES = {
    "web": _Profile("64m", "off", "on", "60s", "60s"),
    "sse": _Profile("16m", "off", "on", "1h", "60s"),
    "websocket": _Profile("16m", "off", "on", "1h", "1h"),
    "upload": _Profile("10g", "off", "off", "1h", "1h"),
    "llm": _Profile("256m", "off", "off", "15m", "15m"),
}
DEFAULT_PROFILE = "web"


# Request headers by which backends learn the client's address, the scheme, the path, the user or a program to run. The
# proxy sets its own (X-Real-IP, X-Forwarded-…). Whatever a client sends under these names is dropped.
DROPPED_HEADERS = (
    # httpoxy: CGI programs read it as the variable HTTP_PROXY (https://httpoxy.org).
    "Proxy",
    # The client's address and the server's name.
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Forwarded-By",
    "X-Forwarded-For-Original",
    "X-Forwarded-Server",
    "X-Host",
    "X-Original-Forwarded-For",
    "X-Original-Host",
    "X-Originating-IP",
    "X-ProxyUser-Ip",
    "X-Remote-Addr",
    "X-Remote-IP",
    "CF-Connecting-IP",
    "Client-IP",
    "Fastly-Client-IP",
    "True-Client-IP",
    # The scheme.
    "Front-End-Https",
    "X-Forwarded-Protocol",
    "X-Scheme",
    "X-Url-Scheme",
    # The path: Symfony, Zend and IIS take these instead of the request line.
    "X-Original-URI",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Forwarded-Path",
    "X-Forwarded-Uri",
    # Files that Rack would let the proxy send.
    "X-Accel-Mapping",
    "X-Sendfile-Type",
    # The user, as an authenticating proxy would say.
    "Remote-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-User",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-User",
    "X-Remote-User",
    "X-SSL-Client-Cert",
    "X-SSL-Client-Verify",
    "X-Webauth-User",
)


@dataclass(frozen=True)
class Layout:
    """Where things lie inside the proxy's container."""

    root: str
    letsencrypt: str
    selfsigned: str
    logs: str = "/var/log/nginx"
    htpasswd: str = "/etc/nginx/htpasswd"


class _Literal(str):
    """A text of ours that may carry NGINX's own variables."""

    __slots__ = ()


def _zone_size(upstreams: int) -> str:
    """Return the size of the zone for a number of upstreams: 16 KiB for each, rounded up to a power of two.

    Because of the rounding nginx.conf seldom changes when a site is added.
    """
    megabytes = 1
    while megabytes * 64 < upstreams:
        megabytes *= 2
    return f"{megabytes}m"


def _protections(places: Sequence[Location]) -> list[str]:
    """Return which users each location asks for, as auth.js reads it; nothing if all of them ask for the same users.

    An entry is ``<path>=<protected prefix>``, or ``=<path>=…`` for an exact location. No prefix stands for everybody.
    No path of a manifest has a blank or an equals sign.
    """
    if len({place.protected for place in places}) == 1:
        return []
    return [f"{'=' if place.exact else ''}{place.path}={place.protected or ''}" for place in places]


def _slashless(places: Sequence[Location]) -> list[str]:
    """Return the paths that lack only the final slash of a location, and that no other location serves."""
    taken = {place.path for place in places}
    folders = [place.path for place in places if place.path.endswith("/") and place.path != "/"]
    return [path.rstrip("/") for path in folders if path.rstrip("/") not in taken]


def _short_hash(*parts: object, digits: int = 8) -> str:
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()[:digits]


def _finalize(value: object) -> object:
    """Return a value that a template prints, or refuse it: the second guard, behind the forms."""
    if isinstance(value, Undefined):
        return str(value)  # a strict undefined raises here
    if isinstance(value, _Literal):
        return value
    if isinstance(value, bool) or value is None:
        raise InternalError(f"a template prints {value!r}")
    text = str(value)
    if _UNSAFE.search(text):
        raise InternalError("a value with a character of NGINX's syntax reached a template", value=text)
    return text


@functools.lru_cache(maxsize=16)
def _compile(name: str, text: str) -> Template:
    """Return a compiled template. RefusedError if the text is not Jinja.

    A template is compiled at its first use, because that takes longer than all else in a run that changes nothing.
    """
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the text is for NGINX and not HTML; _finalize guards it instead
        finalize=_finalize,
    )
    try:
        return environment.from_string(text)
    except TemplateError as error:
        raise RefusedError(f"the template {name} is not valid: {error}", field=name) from error


class Renderer:
    """Renders with one set of templates and settings.

    ``marker`` is the key of the marker locations (hexadecimal), ``templates`` the text of each of TEMPLATES and PAGES.
    RefusedError if a template is not Jinja, or uses an undefined name.
    """

    def __init__(self, *, templates: Mapping[str, str], settings: Settings, layout: Layout, marker: str) -> None:
        missing = [name for name in (*TEMPLATES, *PAGES) if name not in templates]
        if missing:
            raise InternalError(f"no text came for the template {missing[0]}")
        self.settings = settings
        self._layout = layout
        self._marker = marker
        self.pages = {name: templates[name] for name in PAGES}
        self._templates = templates
        self.inputs = hashlib.sha256(
            "\0".join((*(templates[name] for name in TEMPLATES), repr(settings), repr(layout))).encode()
        ).hexdigest()

    def _render(self, name: str, values: dict[str, object]) -> str:
        template = _compile(name, self._templates[name])
        try:
            return template.render(values)
        except VsaError:
            raise
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # An operator's own template may compute with the values, and may be wrong.
            raise RefusedError(f"the template {name} cannot be rendered: {error}", field=name) from error

    def main(self, *, any_http3: bool, any_auth: bool = False, upstreams: int = 0) -> str:
        """Return nginx.conf with ``plan.GENERATION`` in place of the number, for about this number of upstreams."""
        return self._render(
            "nginx.conf.j2",
            {
                "settings": self.settings,
                "certificates": {"letsencrypt": self._layout.letsencrypt, "selfsigned": self._layout.selfsigned},
                "root": self._layout.root,
                "marker": self._marker,
                "any_http3": any_http3,
                "any_auth": any_auth,
                "dropped_headers": DROPPED_HEADERS,
                **_AUTH_ZONES,
                "upstreams_zone": _zone_size(upstreams),
            },
        )

    def auth(self) -> str:
        """Return auth.js, which nginx.conf imports if any site has basic auth."""
        root = _Literal(json.dumps(f"{self._layout.htpasswd}/"))
        return self._render("auth.js.j2", {**_AUTH_ZONES, "root": root})

    def site(self, site: Site) -> str:
        """Return the NGINX file of a site. The same manifest gives the same text in every generation."""
        authority = certificate_authority(site, self.settings)
        directory = "$vsa_selfsigned" if authority == "selfsigned" else "$vsa_letsencrypt"
        named = {(route.container, route.port): self._upstream(site, route) for route in site.routes}
        realms = self._realms(site)
        maintenance = None
        if site.maintenance:
            maintenance = {"allow": site.maintenance_allow, "name": _short_hash(site.domain, digits=16)}
        places = locations(site)
        return self._render(
            "site.conf.j2",
            {
                "site": site,
                "maintenance": maintenance,
                "upstreams": list(named.values()),
                "limit": self._limit(site),
                "hsts": site.hsts is not False and authority not in _NEVER_HSTS,
                "certificate": _Literal(f"{directory}/{site.domain}"),
                # Otherwise the default server of nginx.conf takes the lineage with the name of the server block.
                "own_certificate": authority == "selfsigned" or site.served != site.domain,
                "log": f"{self._layout.logs}/{site.domain}.access.log",
                "realms": list(realms.values()),
                "protections": _protections(places),
                "strips": [self._strip(site, route) for route in site.routes if route.strip_prefix],
                "routes": [self._location(site, place, named, realms) for place in places],
                "slashless": _slashless(places),
                "has_root": any(route.path == "/" for route in site.routes),
            },
        )

    @staticmethod
    def _realms(site: Site) -> dict[str, dict[str, str]]:
        """Return for each protected path the location that checks, the password file, and the name of the realm."""
        return {
            path: {
                "check": f"/.well-known/vsa/auth/{number}",
                "file": f"{site.domain}/{file_name(path)}",
                "name": f"{site.domain} {path}",
            }
            for number, path in enumerate(site.auth)
        }

    @staticmethod
    def _limit(site: Site) -> dict[str, object] | None:
        if not site.rate_limit:
            return None
        burst = 20 if site.rate_burst is None else site.rate_burst
        # The name of the zone carries a hash of its parameters, see _AUTH_ZONES.
        zone = f"limit_{site.domain}_{_short_hash(_CLIENT, site.rate_limit, '1m')}"
        return {"key": _Literal(_CLIENT), "zone": zone, "rate": site.rate_limit, "burst": burst}

    @staticmethod
    def _upstream(site: Site, route: Route) -> dict[str, object]:
        name = f"{site.domain}_{route.container}_{route.port}"
        return {
            "name": name,
            # With the network's name: for a bare name Docker answers with any container that has this alias, on any
            # network that the proxy is connected to.
            "server": f"{route.container}.{site.network}:{route.port}",
        }

    def _location(
        self,
        site: Site,
        place: Location,
        named: Mapping[tuple[str, int], dict[str, object]],
        realms: Mapping[str, Mapping[str, str]],
    ) -> dict[str, object]:
        """Return the values of a location: those of its route, and the check of basic auth."""
        return {
            **self._route(site, place.route, named),
            "path": place.path,
            "exact": place.exact,
            "auth": realms[place.protected]["check"] if place.protected else None,
        }

    def _route(self, site: Site, route: Route, named: Mapping[tuple[str, int], dict[str, object]]) -> dict[str, object]:
        profile = PROFILES[route.profile or site.profile or DEFAULT_PROFILE]
        return {
            "path": route.path,
            "upstream": named[route.container, route.port]["name"],
            "body_size": site.body_size or profile.body_size,
            "buffering": profile.buffering,
            "request_buffering": profile.request_buffering,
            "read_timeout": site.timeout or profile.read_timeout,
            "send_timeout": site.timeout or profile.send_timeout,
            "strip": self._strip(site, route) if route.strip_prefix else None,
        }

    @staticmethod
    def _strip(site: Site, route: Route) -> dict[str, str]:
        """Return what a route needs to strip its prefix: the end of a variable's name, a PCRE, and a header."""
        return {
            "name": _short_hash(site.domain, route.path, digits=16),
            "pattern": re.sub(r"[.+]", r"[\g<0>]", route.path),
            "prefix": route.path.rstrip("/"),
        }
