# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``site_info``: list the sites of a host, or export them as an inventory declares them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._core.cert.status import judge
from ..._core.errors import RefusedError, VsaError
from ..._core.proxy.plan import manifest_file
from ..._core.result import Result
from ..._core.site.declared import declaration
from ..._core.site.manifest import Site, to_manifest
from ..._core.times import rfc3339
from ..cert.served import (
    NOT_SERVED,
    OLDER,
    OTHER,
    OTHER_CERTIFICATE_SERVED,
    SAME,
    ServedCertificate,
    comparison,
    served_certificates,
)
from ..machine.clock import time_now
from ..machine.docker import Engine
from ..proxy.nginx import CONTAINER
from ..store.certificates import read_pair
from ..store.host import Host, read_host
from ..store.layout import Paths
from .view import site_view

__all__ = ("export_sites", "list_sites")


@dataclass(frozen=True)
class _Facts:
    """What was looked up once for all sites.

    ``states`` has the state of each container, None if the engine does not answer. ``answers`` has the certificate that
    the proxy serves for each live site; it is empty if the proxy does not run.
    """

    states: Mapping[str, str] | None
    answers: Mapping[str, ServedCertificate]
    now: datetime.datetime


def list_sites(domain: str | None, *, paths: Paths | None = None, engine: Engine | None = None) -> Result:
    """Return every site that has a manifest or is live, or the one named. RefusedError if there is no such site."""
    host = read_host(paths or Paths())
    known = sorted({*host.manifests, *host.live.domains})
    if domain is not None and domain not in known:
        raise host.no_such_site(domain)
    domains = known if domain is None else [domain]
    facts = _look_up(host, domains, engine)
    sites = []
    for name in domains:
        last_change = host.index.get(name, {}).get("last_change")
        sites.append({**_entry(host, name, facts), "last_change": last_change})
    return Result(data={"generation": host.live.number, "last_change": _last_change(host), "sites": sites})


def _last_change(host: Host) -> dict[str, Any] | None:
    record = host.record
    if record is None:
        return None
    return {"time": record.time, "actor": record.actor, "verb": record.verb}


def _look_up(host: Host, domains: list[str], engine: Engine | None) -> _Facts:
    try:
        states = (engine or Engine()).summaries()
    except VsaError:
        return _Facts(None, {}, time_now())
    live = [domain for domain in domains if domain in host.live.domains]
    answers = served_certificates(live) if states.get(CONTAINER) == "running" else {}
    return _Facts(states, answers, time_now())


def _entry(host: Host, domain: str, facts: _Facts) -> dict[str, Any]:
    """Return what is known about one site. A site whose manifests are all invalid has its problems alone."""
    site, problems = _site(host, domain)
    text, live = host.manifests.get(domain), host.live.files.get(manifest_file(domain))
    if site is None:
        return {"domain": domain, "state": "invalid", "problems": problems, "live": live is not None, "routes": []}
    invalid = bool(problems)
    view = site_view(site, host.settings)
    certificate = _certificate(host, site, view["ca"], facts)
    # A certificate that is due is left to the renewal.
    if certificate["state"] not in ("ok", "due") or certificate["served"] not in (None, SAME):
        problems.append(f"certificate: {certificate['problem'] or certificate['state']}")
    problems += _add_container_states(view["routes"], facts.states)
    if text != live:
        problems.append("not live as the manifest says: vsa vhost sync" if live else "not live yet: vsa vhost sync")
    return {
        **view,
        "state": _state(problems, invalid=invalid),
        "problems": list(dict.fromkeys(problems)),
        "live": live is not None,
        "certificate": certificate,
        "auth": list(site.auth),
        "manifest": to_manifest(site),
    }


def _site(host: Host, domain: str) -> tuple[Site | None, list[str]]:
    """Return the site of the manifest, or else the live one, and the problem of each invalid manifest."""
    problems = []
    for read, words in ((host.site, "the manifest is not valid"), (host.live_site, "the live manifest is not valid")):
        try:
            site = read(domain)
        except RefusedError as error:
            problems.append(f"{words}: {error.message}")
            continue
        if site is not None:
            return site, problems
    return None, problems


def _state(problems: list[str], *, invalid: bool) -> str:
    if invalid:
        return "invalid"
    return "warning" if problems else "ok"


def _add_container_states(routes: list[dict[str, Any]], states: Mapping[str, str] | None) -> list[str]:
    """Add the state of its container to each route, and return a problem for each container that does not run."""
    problems = []
    for route in routes:
        route["state"] = None if states is None else states.get(route["container"], "missing")
        if route["state"] not in (None, "running"):
            problems.append(f"{route['container']} is {route['state']}")
    return problems


def _certificate(host: Host, site: Site, authority: str, facts: _Facts) -> dict[str, Any]:
    """Return the state of a site's certificate on disk, compared with the one that the proxy serves."""
    reading = read_pair(host.paths, site.domain, authority)
    status = judge(reading.facts, names=site.names, now=facts.now, unreadable=reading.unreadable)
    answer = facts.answers.get(site.domain)
    how = comparison(reading.facts, answer)
    problem = status.problem
    if how in (OLDER, OTHER) and not problem:
        problem = OTHER_CERTIFICATE_SERVED
    elif how == NOT_SERVED and answer and not problem:
        problem = answer.error
    return {
        "state": status.state,
        "served": how,
        "problem": problem,
        "not_after": rfc3339(reading.facts.not_after) if reading.facts else None,
        "seconds_left": status.seconds_left,
        "fraction_left": status.fraction_left,
    }


def export_sites(*, paths: Paths | None = None) -> Result:
    """Return the manifests of a host as an inventory declares them, and those that are not valid."""
    host = read_host(paths or Paths())
    declared: dict[str, Any] = {}
    unreadable: list[dict[str, str]] = []
    for domain, text in sorted(host.manifests.items()):
        try:
            declared[domain] = declaration(host.parse(domain, text))
        except RefusedError as error:
            unreadable.append({"domain": domain, "problem": error.message})
    return Result(data={"vsa_sites": declared, "unreadable": unreadable})
