# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which paths of a site are behind basic auth: the site's routes and protected prefixes made into NGINX's locations.

NGINX chooses a location by the normalised path, a backend reads the path as it came, and may take other letters for the
same (``/Admin/``, ``/admin;x``). So what a backend could read as a protected path is refused, unless it lies where that
very protection holds.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..site.manifest import Route, Site

__all__ = ("Location", "covers", "locations", "misread", "served")

# No form of a path admits more that means something to PCRE.
_SPECIAL = re.compile(r"[.+]")
# \x5c is a backslash: NGINX's own quoting does not touch it.
_SLASHES = r"[/\x5c]+"
_PARAMETERS = r"(?:;[^/\x5c]*)?"


@dataclass(frozen=True)
class Location:
    """A place in the configuration: requests below ``path``, or for ``path`` alone where ``exact``.

    ``route`` says where they go, ``protected`` is the protected prefix that they are behind, if any.
    """

    path: str
    route: Route
    exact: bool = False
    protected: str | None = None


def covers(protected: str, path: str) -> bool:
    """Say whether a protected prefix holds for a path: ``/admin/`` does for ``/admin`` too, and in any case."""
    prefix, asked = protected.lower(), path.lower()
    return asked.startswith(prefix) or f"{asked}/" == prefix


def served(site: Site, protected: str) -> bool:
    """Say whether a site serves anything that a prefix could protect."""
    return _route(site, protected) is not None or any(covers(protected, route.path) for route in site.routes)


def locations(site: Site) -> tuple[Location, ...]:
    """Return a site's locations: its routes in their order, then what protected prefixes need besides."""
    paths = {(route.path, False): route for route in site.routes}
    for protected in site.auth:
        route = _route(site, protected)
        if route is not None:
            paths.setdefault((protected, False), route)
        bare = protected[:-1] if protected.endswith("/") else ""
        route = _route(site, bare) if bare else None
        if route is not None and (bare, False) not in paths:
            # Without it NGINX would redirect, or the route above would answer.
            paths[bare, True] = route
    return tuple(
        Location(path, route, exact, protected=_protected(site, path)) for (path, exact), route in paths.items()
    )


def misread(site: Site) -> list[tuple[str, bool, bool]]:
    """Return the patterns by which a normalised path is refused, the first that matches decides.

    Each has its regular expression, whether case counts, and whether the path is refused: first come the locations that
    a prefix protects, then whatever else may be read as it; the longest prefix before the others.
    """
    rules = []
    places = locations(site)
    for prefix in sorted((prefix for prefix in site.auth if prefix != "/"), key=len, reverse=True):
        own = [place for place in places if place.protected == prefix]
        rules += [(f"^{_escaped(place.path)}{'$' if place.exact else ''}", True, False) for place in own]
        rules.append((f"^{_spellings(prefix)}", False, True))
    return rules


def _route(site: Site, path: str) -> Route | None:
    """Return the route that serves a path: the longest prefix."""
    fitting = [route for route in site.routes if path.startswith(route.path)]
    return max(fitting, key=lambda route: len(route.path), default=None)


def _protected(site: Site, path: str) -> str | None:
    return max((prefix for prefix in site.auth if covers(prefix, path)), key=len, default=None)


def _escaped(path: str) -> str:
    return _SPECIAL.sub(lambda found: f"[{found[0]}]", path)


def _spellings(protected: str) -> str:
    parts = [_escaped(part) for part in protected.strip("/").split("/")]
    text = _SLASHES + f"{_PARAMETERS}{_SLASHES}".join(parts)
    return f"{text}(?:[/;\\x5c]|$)" if protected.endswith("/") else text
