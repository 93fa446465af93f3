# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doors: other paths that lead to what is behind a password.

If ``/admin/`` is protected and ``/api/`` leads to the same port of the same container without its prefix, then
``/api/admin/`` shows what ``/admin/`` shows. Inside a site such a path gets the same password, except the path ``/``:
to close it would take the whole site from its visitors, so VSA only names it. Between two sites VSA refuses a new door,
because the password of one site says nothing about the visitors of another.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import RefusedError
from ..site.manifest import Route, Site
from .prefixes import is_below, protects, serving_route

__all__ = ("Door", "open_doors", "own_doors", "protected_paths")

_MOST_DOORS = 100


@dataclass(frozen=True)
class Door:
    """A path of a site that shows without a password what another site, or the same site, protects.

    ``of_domain`` and ``of_path`` name the protected path; ``container`` and ``port`` what both lead to.
    """

    domain: str
    path: str
    of_domain: str
    of_path: str
    container: str
    port: int


def protected_paths(site: Site) -> dict[str, str]:
    """Return each path that asks for a password, with the path whose users may pass: the site's own, then its doors."""
    return {**{path: path for path in site.auth}, **own_doors(site)}


def own_doors(site: Site) -> dict[str, str]:
    """Return the doors of a site to its own protected paths: the path of each, and the path whose users may pass.

    RefusedError if there are more than NGINX should have to look at.
    """
    doors: dict[str, str] = {}
    for path, protected in _ways(site, site):
        if path != "/" and not _is_listed(path, (*site.auth, *site.allow_unprotected)):
            doors.setdefault(path, protected)
    # A door below another door is closed by that door.
    found = {
        path: of for path, of in doors.items() if not _is_listed(path, [other for other in doors if other != path])
    }
    if len(found) > _MOST_DOORS:
        raise RefusedError(
            f"{site.domain} has {len(found)} paths that lead to what is behind a password",
            field="auth",
            value=", ".join(site.auth[:5]),
            expected=f"at most {_MOST_DOORS}, or fewer routes to the same container",
        )
    return found


def open_doors(site: Site, owner: Site) -> list[Door]:
    """Return the paths of a site that show without a password what ``owner`` protects.

    ``owner`` is another site or the site itself, whose own doors are closed, except perhaps ``/``.
    """
    if site.network != owner.network:
        return []
    closed = (*protected_paths(site), *site.allow_unprotected)
    doors = {}
    for path, protected in _ways(site, owner):
        route = serving_route(site, path)
        if route is None:
            continue
        # What a site opens below its own protected paths was said for the site itself, and not for another one.
        shown = [] if owner.domain == site.domain else _opened_below(site, path, route)
        shown += [] if _is_listed(path, closed) else [path]
        for door in shown:
            doors[door] = Door(site.domain, door, owner.domain, protected, route.container, route.port)
    return [door for door in doors.values() if not _is_listed(door.path, [path for path in doors if path != door.path])]


def _opened_below(site: Site, path: str, route: Route) -> list[str]:
    """Return the open paths of a site that show a part of what the path shows, which its route serves."""
    found = [opened for opened in site.auth_open if is_below(path, opened) and serving_route(site, opened) == route]
    return [opened for opened in found if not _is_listed(opened, site.allow_unprotected)]


def _ways(site: Site, owner: Site) -> Iterator[tuple[str, str]]:
    """Yield each path of a site that leads to what a protected path of ``owner`` leads to, and that protected path."""
    for protected in owner.auth:
        for behind in _routes_behind(owner, protected):
            secret = _backend_path(behind, protected)
            for route in site.routes:
                if (route.container, route.port) == (behind.container, behind.port):
                    path = _way(route, secret)
                    if path is not None and serving_route(site, path) == route:
                        yield path, protected


def _routes_behind(site: Site, protected: str) -> list[Route]:
    """Return the routes that a protected path closes: the one that serves the path, and all that are below the path."""
    above = serving_route(site, protected)
    below = [route for route in site.routes if protects(protected, route.path)]
    return below if above is None or above in below else [above, *below]


def _backend_path(route: Route, protected: str) -> str:
    """Return the path that the container sees for a protected path, or for the route if the route is below it."""
    path = protected if is_below(route.path, protected) else route.path
    return _seen(route) + path[len(route.path) :]


def _seen(route: Route) -> str:
    """Return the path that the container sees for the path of a route."""
    return "/" if route.strip_prefix else route.path


def _way(route: Route, secret: str) -> str | None:
    """Return the path on which a route shows what its container serves at ``secret``, None if the route does not."""
    seen = _seen(route)
    if is_below(seen, secret):
        return route.path + secret[len(seen) :]
    # The container serves all of this route's paths below the secret.
    return route.path if protects(secret, seen) else None


def _is_listed(path: str, prefixes: tuple[str, ...] | list[str]) -> bool:
    return any(protects(prefix, path) for prefix in prefixes)
