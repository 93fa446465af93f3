# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site as results show it.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import Any

from ..._core.settings import Settings
from ..._core.site.manifest import Route, Site, certificate_authority

__all__ = ("site_view",)


def site_view(site: Site, settings: Settings) -> dict[str, Any]:
    """Return a site with the defaults of its host filled in."""
    return {
        "domain": site.domain,
        "names": list(site.names),
        "served": site.served,
        "maintenance": bool(site.maintenance),
        "aliases": list(site.aliases),
        "tenant": site.tenant,
        "network": site.network,
        "ca": certificate_authority(site, settings),
        "email": site.email or settings.email,
        "profile": site.profile,
        "routes": [_route_view(site, route) for route in site.routes],
    }


def _route_view(site: Site, route: Route) -> dict[str, Any]:
    return {
        "path": route.path,
        "container": route.container,
        "port": route.port,
        "profile": route.profile or site.profile,
        "strip_prefix": bool(route.strip_prefix),
        "headers": dict(route.headers),
    }
