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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType

from ..auth.htpasswd import file_name
from ..cert.status import DIRECTORIES
from ..errors import InternalError, RefusedError, VsaError
from ..forms import is_larger
from ..libraries import MissingLibraryError
from ..settings import Settings
from ..site.headers import DROPPED_HEADERS, SENT_HEADERS
from ..site.manifest import Route, Site, certificate_authority
from ..version import VERSION
from .doors import protected_paths
from .locations import Location, locations
from .profiles import PROFILES, UNNAMED

try:
    from jinja2 import StrictUndefined, Template, TemplateError, Undefined
    from jinja2.bccache import bc_magic
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ImportError:  # ansible-test imports every module_util without its libraries
    ImmutableSandboxedEnvironment = None  # type: ignore[assignment,misc]

__all__ = (
    "PAGES",
    "TEMPLATES",
    "Layout",
    "Renderer",
)

TEMPLATES = ("nginx.conf.j2", "site.conf.j2", "auth.js.j2")
# The pages that the proxy itself answers with. They are plain files and part of each generation.
PAGES = ("maintenance.html", "maintenance.json", "unavailable.html", "unavailable.json")

# Shared memory of basic auth. The names carry the parameters: if the parameters of a zone change and its name does not,
# the configuration passes the test and fails the reload.
_AUTH_ZONES = {
    "memory_zone": "vsa_auth_2m_300s",
    "passed_zone": "vsa_auth_passed_1m_24h",
    "key_zone": "vsa_auth_key_32k_kept",
}

# Shared memory of the limits of connections. An entry takes 128 bytes, and there are never more than connections.
_LIMIT_ZONES = {"client_zone": "vsa_clients_16m", "site_zone": "vsa_sites_4m", "upload_zone": "vsa_upload_4m"}

# Limits that a manifest may set, and that the host's settings have for all sites.
_LIMITS = ("client_connections", "site_connections", "uploads")

# The largest body by a method that has none, if no header announces the body. The smallest body that ``uploads`` counts
# is about as large, so no body that is not counted is larger (nginx.conf.j2, $vsa_upload).
_UNANNOUNCED = 1 << 20
# The variable that says which named location serves a request, by what a location does: buffers responses, and keeps
# large request bodies on the disk.
_TWINS = {
    (False, False): None,
    (True, False): "vsa_stream",
    (False, True): "vsa_bodiless",
    (True, True): "vsa_stream_or_bodiless",
}

# The key of a rate limit. A map in nginx.conf counts an IPv6 network of 64 bits as one client.
_CLIENT = "$vsa_counted"

# Browsers refuse these certificates. With HSTS a visitor could then not open the site at all.
_NEVER_HSTS = ("selfsigned", "staging", DIRECTORIES["staging"])
_UNSAFE = re.compile(r"[\x00-\x1f\x7f;{}\"'\\$#`]")


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


# What nginx.conf sets for every container. A location with a header of its own says all of it again: NGINX inherits
# these lines only where a location has none.
_PASSED_HEADERS = [(name, _Literal(value)) for name, value in SENT_HEADERS.items()]
_PASSED_HEADERS += [(name, _Literal('""')) for name in DROPPED_HEADERS]


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

    An entry is ``<path>=<protected prefix>``, or ``=<path>=…`` for an exact location. No prefix stands for everybody,
    and ``!`` for everybody although a protected prefix includes the path. No path of a manifest has a blank, an equals
    sign or an exclamation mark.
    """
    if len({place.protected for place in places}) == 1:
        return []
    return [f"{'=' if place.exact else ''}{place.path}={_users_of(place)}" for place in places]


def _users_of(place: Location) -> str:
    return "!" if place.opened else place.protected or ""


def _near_protected(places: Sequence[Location]) -> list[str]:
    """Return a PCRE for each protected path: how paths below it begin, with or without the final slash."""
    protected = {place.protected for place in places if place.protected}
    return [_pcre(path.rstrip("/")) for path in sorted(protected)]


def _pcre(path: str) -> str:
    """Return the PCRE of a path. Of what a path may have, only these two mean something in a PCRE."""
    return re.sub(r"[.+]", r"[\g<0>]", path)


def _slashless(places: Sequence[Location]) -> list[str]:
    """Return the paths that lack only the final slash of a location, and that no other location serves."""
    taken = {place.path for place in places}
    folders = [place.path for place in places if place.path.endswith("/") and place.path != "/"]
    return [path.rstrip("/") for path in folders if path.rstrip("/") not in taken]


def _with_twins(routes: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Return the locations, and beside each one the named ones that serve some of its requests.

    A location that buffers responses has one for clients that ask for a stream. A location whose request bodies wait on
    the disk has one for methods without a body, because ``uploads`` cannot count a body that no header announces.
    """
    found = []
    for number, route in enumerate(routes):
        buffers = route["buffering"] == "on"
        on_disk = route["request_buffering"] == "on" and is_larger(str(route["body_size"]), _UNANNOUNCED)
        # A variable of nginx.conf says which of the named locations serves a request.
        found.append({**route, "twins": _TWINS[buffers, on_disk], "number": number})
        twin = {**route, "twins": None}
        if buffers:
            found.append({**twin, "place": f"@vsa_stream-{number}", "buffering": "off", "request_buffering": "off"})
        if on_disk:
            found.append({**twin, "place": f"@vsa_bodiless-{number}", "body_size": "1m"})
    return found


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


Keeper = Callable[[str, bytes, Callable[[], CodeType]], CodeType]
"""Returns the code of a named source: the code of an earlier run, or what the function makes."""

# What decides, beside the text of a template and the version of Jinja, how the template is compiled.
_OPTIONS = {
    "trim_blocks": True,
    "lstrip_blocks": True,
    "keep_trailing_newline": True,
    "autoescape": False,  # the text is for NGINX and not HTML; _finalize guards it instead
}


def _made(name: str, source: bytes, make: Callable[[], CodeType]) -> CodeType:
    del name, source
    return make()


@functools.lru_cache(maxsize=16)
def _compile(name: str, text: str, keeper: Keeper) -> Template:
    """Return a compiled template. RefusedError if the text is not Jinja.

    A template is compiled at its first use, because that takes longer than all else in a run that changes nothing.
    """
    if ImmutableSandboxedEnvironment is None:
        raise MissingLibraryError("jinja2")
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=_finalize, **_OPTIONS)
    # Jinja changes bc_magic if the code of its templates changes.
    source = b"\0".join((bc_magic, repr(_OPTIONS).encode(), text.encode("utf-8", "surrogatepass")))
    try:
        code = keeper(f"{VERSION}/{name}", source, lambda: environment.compile(text))
        return environment.template_class.from_code(environment, code, environment.make_globals(None))
    except TemplateError as error:
        raise RefusedError(f"the template {name} is not valid: {error}", field=name) from error


class Renderer:
    """Renders with one set of templates and settings.

    ``marker`` is the key of the marker locations (hexadecimal), ``templates`` the text of each of TEMPLATES and PAGES.
    RefusedError if a template is not Jinja, or uses an undefined name. ``keeper`` keeps the code of templates, because
    to compile them takes longer than to render them.
    """

    def __init__(
        self,
        *,
        templates: Mapping[str, str],
        settings: Settings,
        layout: Layout,
        marker: str,
        keeper: Keeper = _made,
    ) -> None:
        missing = [name for name in (*TEMPLATES, *PAGES) if name not in templates]
        if missing:
            raise InternalError(f"no text came for the template {missing[0]}")
        self.settings = settings
        self._layout = layout
        self._marker = marker
        self._keeper = keeper
        self.pages = {name: templates[name] for name in PAGES}
        self._templates = templates
        self.inputs = hashlib.sha256(
            "\0".join((*(templates[name] for name in TEMPLATES), repr(settings), repr(layout))).encode()
        ).hexdigest()

    def _render(self, name: str, values: dict[str, object]) -> str:
        template = _compile(name, self._templates[name], self._keeper)
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
                "headers": _PASSED_HEADERS,
                **_AUTH_ZONES,
                **_LIMIT_ZONES,
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
        most = site.upstream_connections or self.settings.upstream_connections
        named = {(route.container, route.port): self._upstream(site, route, most) for route in site.routes}
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
                "near_protected": _near_protected(places),
                "strips": [self._strip(site, route) for route in site.routes if route.strip_prefix],
                "routes": _with_twins([self._location(site, place, named, realms) for place in places]),
                **_LIMIT_ZONES,
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
                "file": f"{site.domain}/{file_name(users)}",
                "name": f"{site.domain} {users}",
            }
            for number, (path, users) in enumerate(protected_paths(site).items())
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
    def _upstream(site: Site, route: Route, most: int) -> dict[str, object]:
        named = (site.domain, route.container, str(route.port))
        return {
            # NGINX compares each name with all others, and ignores case. The hash ends nearly every comparison at the
            # first letter: for 1,000 sites whose names begin alike this is a fifth of the time of a test. It also keeps
            # "Web" and "web" of one site apart.
            "name": f"{_short_hash(*named)}_{'_'.join(named)}",
            # With the network's name: for a bare name Docker answers with any container that has this alias, on any
            # network that the proxy is connected to.
            "server": f"{route.container}.{site.network}:{route.port}",
            "most": most,
        }

    def _location(
        self,
        site: Site,
        place: Location,
        named: Mapping[tuple[str, int], dict[str, object]],
        realms: Mapping[str, Mapping[str, str]],
    ) -> dict[str, object]:
        """Return the values of a location: those of its route, and the check of basic auth."""
        exact = "= " if place.exact else ""
        return {
            **self._route(site, place.route, named),
            "place": f"{exact}{place.path}",
            "auth": realms[place.protected]["check"] if place.protected else None,
        }

    def _route(self, site: Site, route: Route, named: Mapping[tuple[str, int], dict[str, object]]) -> dict[str, object]:
        name = route.profile or site.profile
        profile = PROFILES[name] if name else UNNAMED
        return {
            "path": route.path,
            "upstream": named[route.container, route.port]["name"],
            "body_size": site.body_size or profile.body_size,
            "buffering": profile.buffering,
            "request_buffering": profile.request_buffering,
            "limits": {name: getattr(site, name) or getattr(self.settings, name) for name in _LIMITS},
            "read_timeout": site.timeout or profile.read_timeout,
            "send_timeout": site.timeout or profile.send_timeout,
            "strip": self._strip(site, route) if route.strip_prefix else None,
            "headers": self._headers(route),
        }

    @staticmethod
    def _headers(route: Route) -> list[tuple[str, _Literal]]:
        """Return every header that the container of a route gets, empty if nginx.conf says them all."""
        own = [(name, _Literal(value)) for name, value in route.headers]
        return [*_PASSED_HEADERS, *own] if own else []

    @staticmethod
    def _strip(site: Site, route: Route) -> dict[str, str]:
        """Return what a route needs to strip its prefix: the end of a variable's name, a PCRE, and a header."""
        return {
            "name": _short_hash(site.domain, route.path, digits=16),
            "pattern": _pcre(route.path),
            "prefix": route.path.rstrip("/"),
        }
