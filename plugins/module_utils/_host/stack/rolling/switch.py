# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch of a rolling update: the proxy leads all sites to the containers that stay.

Two transactions, because NGINX answers 502 until it has looked a new name up: the first one makes the names known, and
no visitor uses them; the second one moves the routes. Seen under load: 2 of 4,567 requests failed with one transaction.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

from ...._core.result import Result
from ...._core.run_context import RunContext
from ...._core.site.manifest import to_manifest
from ...._core.stack.rolling import WARM, moved_routes, warmed_routes
from ...proxy.steps import outcome_result
from ...proxy.transaction import Proxy
from ...proxy.values import Change, Request
from ...store.host import Host, read_host
from ...store.layout import Paths

__all__ = ("switch_sites",)

# A name whose first look-up failed is looked up again after 5 s (resolver_valid).
_WARM_SECONDS = 12.0
_PAUSE_SECONDS = 0.2
_SETTLE_SECONDS = 1.0


def switch_sites(
    paths: Paths, proxy: Proxy, moves: Mapping[str, str], *, run: RunContext, templates: Mapping[str, str]
) -> Result:
    """Lead each live site with a container in ``moves`` to the container that stays. Unchanged if there is none.

    Sites that answer before must answer afterwards, otherwise the transaction rolls back and its error is raised.
    """
    if not paths.nginx.is_dir():
        return Result()
    # A transaction that was killed may have made the switch already.
    proxy.end_cut_off(run)
    host = read_host(paths)
    changes = [change for domain in sorted(host.index) if (change := _change(host, domain, moves)) is not None]
    if not changes:
        return Result()
    domains = tuple(change.domain for change in changes)
    request = Request(run=run, templates=templates, changes=tuple(changes), answering=domains)
    _warm(proxy, host, request, moves)
    prepared, outcome = proxy.apply(request)
    return outcome_result(prepared, outcome, run, diff=False)


def _warm(proxy: Proxy, host: Host, request: Request, moves: Mapping[str, str]) -> None:
    """Let NGINX look the new containers up, and wait until it reaches them."""
    warmed = {change.domain: warmed_routes(_routes(host, change.domain), moves) for change in request.changes}
    changes = tuple(Change(domain, {"routes": routes}) for domain, routes in warmed.items())
    proxy.apply(dataclasses.replace(request, changes=changes), host)
    index = read_host(proxy.paths).index
    asked = {
        domain: {**index[domain], "path": route["path"]}
        for domain, routes in warmed.items()
        for route in routes
        if str(route["path"]).startswith(WARM)
    }
    deadline = time.monotonic() + _WARM_SECONDS
    while time.monotonic() < deadline and len(proxy.nginx.answering(asked)) < len(asked):
        time.sleep(_PAUSE_SECONDS)
    # A site behind a password answers before the name is known.
    time.sleep(_SETTLE_SECONDS)


def _change(host: Host, domain: str, moves: Mapping[str, str]) -> Change | None:
    """Return the change of a site, None if the site leads to no container in ``moves``."""
    site = host.live_site(domain)
    if site is None or not moves.keys() & set(site.containers):
        return None
    return Change(domain, {"routes": moved_routes(_routes(host, domain), moves)})


def _routes(host: Host, domain: str) -> list[dict[str, object]]:
    """Return the routes of a live site as its manifest has them."""
    site = host.live_site(domain)
    routes = to_manifest(site)["routes"] if site else []
    return routes if isinstance(routes, list) else []
