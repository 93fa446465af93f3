# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which paths of a site are behind basic auth: NGINX locations for the site's routes and its protected prefixes.

NGINX chooses a location by the normalised path. A backend reads the path as the client sent it, and may read other
spellings as the same path (``/Admin/``, ``/admin;x``). So a path that a backend could read as a protected one is
refused, unless NGINX asks for the password of that very protected prefix.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import RefusedError
from ..site.manifest import Route, Site
from .doors import protected_paths
from .prefixes import is_bare, is_below, longest, opens, protects, serving_route

__all__ = ("Location", "locations", "serves_below")


@dataclass(frozen=True)
class Location:
    """A location of NGINX: all paths that begin with ``path``, or only ``path`` itself if ``exact``.

    ``route`` says where the requests go. ``protected`` is the prefix whose users may pass, None for everybody.
    ``opened`` says that the location lets everybody pass below a protected prefix.
    """

    path: str
    route: Route
    exact: bool = False
    protected: str | None = None
    opened: bool = False


def serves_below(site: Site, prefix: str) -> bool:
    """Say whether a site serves any path that a protected prefix would include."""
    return serving_route(site, prefix) is not None or any(protects(prefix, route.path) for route in site.routes)


def locations(site: Site) -> tuple[Location, ...]:
    """Return a site's locations: its routes in their order, then those that protected prefixes need besides."""
    closed = protected_paths(site)
    _refuse_stripped(site)
    prefixes = {route.path: route for route in site.routes}
    bare_paths = {}
    for path in (*closed, *site.auth_open):
        route = serving_route(site, path)
        if route is not None:
            prefixes.setdefault(path, route)
        bare = path.removesuffix("/")
        route = serving_route(site, bare)
        if route is not None and bare != path:
            bare_paths[bare] = route
    found = [_place(site, closed, path, route) for path, route in prefixes.items()]
    # Also a location of another spelling (/Admin) may need its own rule for the path itself.
    for path, route in {**bare_paths, **prefixes}.items():
        own = longest(prefix for prefix in closed if protects(prefix, path))
        if any(opens(prefix, path, within=own) for prefix in site.auth_open):
            continue
        if path not in prefixes or own != _protected_below(closed, path):
            found.append(Location(path, route, exact=True, protected=own))
    return tuple(found)


def _place(site: Site, closed: Iterable[str], path: str, route: Route) -> Location:
    """Return the location of all paths that begin with a path."""
    protected = _protected_below(closed, path)
    if protected and any(opens(prefix, path, within=protected) for prefix in site.auth_open):
        return Location(path, route, opened=True)
    return Location(path, route, protected=protected)


def _refuse_stripped(site: Site) -> None:
    """Refuse an open path whose container gets another path: nobody can say which protected path that is."""
    for position, path in enumerate(site.auth_open):
        route = serving_route(site, path)
        if route is not None and route.strip_prefix:
            raise RefusedError(
                f"the route {route.path} strips its prefix, so this may open what another path protects",
                field=f"auth_open/{position}",
                value=path,
                expected="a path of a route that keeps its prefix",
            )


def _protected_below(prefixes: Iterable[str], path: str) -> str | None:
    """Return the protected prefix that includes all paths that begin with a path.

    If there is none, a prefix that is this path and a slash protects all of them. That closes more paths than
    requested, but a location has only one protection.
    """
    prefixes = tuple(prefixes)
    below = longest(prefix for prefix in prefixes if is_below(prefix, path))
    return below or longest(prefix for prefix in prefixes if is_bare(prefix, path))
