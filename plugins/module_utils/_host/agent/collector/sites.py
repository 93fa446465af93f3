# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sites of the host as a beat shows them: what `vsa site list` knows without asking a site.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ...._core.finding import Finding
from ...._core.site.visitor import ContainerState
from ...machine.clock import time_now
from ...machine.docker_reading import ReadingEngine
from ...store.host import Host
from ...store.layout import Paths
from ..kept import Kept, file_stamp
from .certificates import certificate_files

__all__ = ("site_domains", "site_rows")


def site_domains(host: Host) -> list[str]:
    """Return the domains of all sites that have a manifest or are live."""
    return sorted({*host.manifests, *host.index})


def site_rows(host: Host, engine: ReadingEngine | None, kept: Kept) -> list[Mapping[str, Any]]:
    """Return the rows of the section ``domains``. Without an engine the state of no container is known."""
    states = engine.overview() if engine else None
    stamps = {domain: _stamp(host, domain) for domain in site_domains(host)}

    def read(domains: Sequence[str]) -> dict[str, dict[str, Any]]:
        # Imported here: in most beats no site changed.
        from ...proxy.health import proxy_findings
        from ...proxy.nginx import Nginx
        from ...site.listing import site_entry
        from ...site.survey import Survey

        causes: list[Finding] = proxy_findings(host, Nginx(engine, host.paths), ask=False) if engine else []
        seen = Survey(time_now(), tuple(causes), states)
        return {domain: _row(host, site_entry(host, domain, seen, probed=False)[0]) for domain in domains}

    def depends(domain: str, row: Mapping[str, Any]) -> object:
        certificate = kept.row("certificates", domain) or {}
        return [certificate.get("state"), certificate.get("why"), _container_states(row, states)]

    return kept.rows("domains", stamps, read, depends=depends)


def _container_states(row: Mapping[str, Any], states: Mapping[str, ContainerState] | None) -> object:
    """Return the states of the containers that the routes of a site lead to, and that of the proxy."""
    if states is None:
        return None
    containers = sorted({str(route.get("container")) for route in row.get("routes") or ()})
    return [_words(states.get(name)) for name in (*containers, "vsa-nginx")]


def _stamp(host: Host, domain: str) -> list[object]:
    """Return what changes if a file changes that the row of a site is made of."""
    return [
        host.manifests.get(domain) and file_stamp(host.paths.sites / f"{domain}.yml"),
        host.index.get(domain),
        file_stamp(host.paths.vsa_yml),
        _users(host.paths, domain),
        certificate_files(host.paths, domain),
    ]


def _words(state: ContainerState | None) -> list[object] | None:
    if state is None:
        return None
    return [state.status, state.unhealthy, sorted(state.networks), state.checked, list(state.open_ports)]


def _users(paths: Paths, domain: str) -> Sequence[object]:
    try:
        with os.scandir(paths.htpasswd / domain) as entries:
            return sorted([entry.name, entry.stat().st_ctime_ns] for entry in entries)
    except OSError:
        return []


def _row(host: Host, entry: Mapping[str, Any]) -> dict[str, Any]:
    from ...._core.auth.htpasswd import users
    from ...store.passwords import read_users_file

    domain = entry["domain"]
    protected = list(entry.get("auth") or ())
    names = {name for path in protected for name in users(read_users_file(host.paths, domain, path) or "")}
    change = entry.get("last_change") or {}
    return {
        "domain": domain,
        "aliases": entry.get("aliases"),
        "tenant": entry.get("tenant"),
        "profile": entry.get("profile"),
        "routes": [{**route, "upstream_state": route.get("state")} for route in entry["routes"]],
        "auth": {
            "paths": protected,
            "open": list((entry.get("manifest") or {}).get("auth_open") or ()),
            "users": len(names),
        },
        "state": entry["state"],
        "problems": [str(problem) for problem in entry["problems"]],
        "certificate": domain if entry.get("certificate") else None,
        "last_change": {"at": change.get("time"), "run": change.get("audit_id"), "actor": change.get("actor")}
        if change
        else None,
    }
