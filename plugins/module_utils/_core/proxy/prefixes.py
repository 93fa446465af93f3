# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Path prefixes: which paths a protected prefix includes, and which route serves a path.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..site.manifest import Route, Site

__all__ = ("is_bare", "is_below", "longest", "opens", "protects", "serving_route")


def protects(prefix: str, path: str) -> bool:
    """Say whether a protected prefix includes a path, in any case. ``/admin/`` includes ``/admin`` too."""
    return is_below(prefix, path) or is_bare(prefix, path)


def opens(prefix: str, path: str, *, within: str | None) -> bool:
    """Say whether an open prefix lets everybody pass at a path that the protected prefix ``within`` includes.

    The open prefix counts as it is spelled, and only if it is longer: in doubt a path is closed.
    """
    return path.startswith(prefix) and len(prefix) > len(within or "")


def is_below(prefix: str, path: str) -> bool:
    """Say whether a path begins with a prefix, in any case."""
    return path.lower().startswith(prefix.lower())


def is_bare(prefix: str, path: str) -> bool:
    """Say whether a path is the prefix without its last slash."""
    return f"{path}/".lower() == prefix.lower()


def longest(prefixes: Iterable[str]) -> str | None:
    """Return the longest prefix, None if there is none."""
    return max(prefixes, key=len, default=None)


def serving_route(site: Site, path: str) -> Route | None:
    """Return the route that serves a path: the longest prefix of the path, as NGINX chooses a location."""
    fitting = [route for route in site.routes if path.startswith(route.path)]
    return max(fitting, key=lambda route: len(route.path), default=None)
