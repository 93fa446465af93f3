# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the sites of a host as a visitor does, and at their containers and names, all sites at the same time.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._core.errors import RefusedError, VsaError
from ..._core.finding import DOWN, Finding
from ..._core.forms import SELFSIGNED
from ..._core.proxy.plan import MAIN
from ..._core.site.manifest import Site, certificate_authority
from ..._core.site.visitor import ContainerState, Lookup, Visit, container_findings, dns_findings, visit_findings
from ..cert.served import MANY, ServedCertificate, probe_address
from ..machine.clock import time_now
from ..machine.docker import Engine
from ..machine.together import done_in_time
from ..proxy.health import engine_findings, proxy_findings
from ..proxy.nginx import Nginx
from ..store.certificates import live_fingerprint
from ..store.host import Host
from .dns import look_up
from .visit import VISIT_SECONDS, Ask, Target, Visited, visit_sites

__all__ = ("Survey", "survey")

# The engine, the visits and the DNS are asked at the same time. Each has its own limit; this is for the way back.
_GRACE_SECONDS = 1.0
_LATE_WORDS = f"not within {VISIT_SECONDS:.0f} s"
# What did not come back in time is not checked.
_LATE = Visited(Visit(late=True), ServedCertificate(error=_LATE_WORDS))
_LATE_NAME = Lookup(failed=_LATE_WORDS)
# Stands in the main file of a generation whose backends do not get the marker.
_STRIPS = 'proxy_set_header X-VSA-Marker "";'


@dataclass(frozen=True)
class Survey:
    """What was seen of the sites of a host.

    * ``causes``: what is wrong with the host and concerns its sites, such as an NGINX that does not run.
    * ``states``: each container by name, None if the engine does not answer.
    * ``visits``: what a visitor of each live site got; empty if nobody asked.
    * ``lookups``: by site, what DNS says of each of its names; empty if nobody asked.
    """

    now: datetime.datetime
    causes: tuple[Finding, ...] = ()
    states: Mapping[str, ContainerState] | None = None
    visits: Mapping[str, Visited] = field(default_factory=dict)
    lookups: Mapping[str, Mapping[str, Lookup]] = field(default_factory=dict)

    @property
    def alarmed(self) -> bool:
        """Say whether the host has a cause that ends the answers of its sites soon, if not yet."""
        return any(cause.level == DOWN for cause in self.causes)

    @property
    def down(self) -> bool:
        """Say whether the proxy is known not to run."""
        return any(cause.level == DOWN and cause.name.startswith("proxy-") for cause in self.causes)

    def answer(self, domain: str) -> ServedCertificate | None:
        """Return the certificate that the proxy serves for a site; None if nobody asked."""
        found = self.visits.get(domain)
        return found.certificate if found else None

    def findings(self, site: Site) -> list[Finding]:
        """Return what is wrong with a live site, for its visitors and in its containers and names."""
        containers: list[Finding] = []
        if self.states is not None:
            containers = container_findings(site.domain, site.containers, self.states, network=site.network)
        found = self.visits.get(site.domain)
        if found is None:
            findings = containers
        else:
            maintenance = bool(site.maintenance)
            findings = visit_findings(
                site.domain, found.visit, maintenance=maintenance, because=containers, seconds=VISIT_SECONDS
            )
        return findings + dns_findings(site.domain, self.lookups.get(site.domain, {}))


def survey(host: Host, domains: Sequence[str], connect: Callable[[], Engine], *, probe: bool, fresh: bool) -> Survey:
    """Look at these sites of a host. Without ``probe`` nobody connects to a site or asks the DNS."""
    now = time_now()
    sites = _live_sites(host, domains)
    jobs: dict[str, Callable[[], Any]] = {"engine": lambda: _engine(host, connect)}
    if probe and sites:
        jobs["visits"] = lambda: _visit(host, sites)
        jobs["names"] = lambda: _look_up(host, sites, now, fresh=fresh)
    done = done_in_time(lambda name: jobs[name](), jobs, at_once=len(jobs), seconds=VISIT_SECONDS + _GRACE_SECONDS)
    causes, states = done.get("engine") or (engine_findings(_late_engine()), None)
    if "visits" not in jobs:
        return Survey(now, tuple(causes), states)
    visits = {site.domain: done.get("visits", {}).get(site.domain, _LATE) for site in sites}
    names = {site.domain: {name: done.get("names", {}).get(name, _LATE_NAME) for name in site.names} for site in sites}
    return Survey(now, tuple(causes), states, _without_causes(visits, causes), names)


def _late_engine() -> VsaError:
    return RefusedError("the Docker engine of this host does not answer", details=[_LATE_WORDS])


def _live_sites(host: Host, domains: Sequence[str]) -> list[Site]:
    sites = []
    live = frozenset(host.live.domains)
    for domain in domains:
        if domain not in live:
            continue
        try:
            site = host.live_site(domain)
        except RefusedError:
            continue  # the listing names the invalid manifest
        if site is not None:
            sites.append(site)
    return sites


def _engine(host: Host, connect: Callable[[], Engine]) -> tuple[list[Finding], Mapping[str, ContainerState] | None]:
    """Return what is wrong with the engine and the proxy, and the state of each container."""
    try:
        engine = connect()
        states = engine.overview()
        return proxy_findings(host, Nginx(engine, host.paths)), states
    except VsaError as error:
        return engine_findings(error), None


def _visit(host: Host, sites: Sequence[Site]) -> dict[str, Visited]:
    target = Target(
        # Without dockerd nobody forwards from loopback, and visitors from outside still come in.
        probe_address(max(len(sites), MANY)),
        host.live.marker,
        host.number,
        on_disk=lambda domain: _fingerprint(host, domain),
        ca_bundle=host.settings.ca_bundle,
        keeps_marker=_STRIPS in host.live.files.get(MAIN, ""),
    )
    return visit_sites([_ask(host, site) for site in sites], target)


def _fingerprint(host: Host, domain: str) -> str | None:
    site = host.live_site(domain)
    return live_fingerprint(host.paths, domain, certificate_authority(site, host.settings)) if site else None


def _ask(host: Host, site: Site) -> Ask:
    verify = certificate_authority(site, host.settings) != SELFSIGNED
    entry = host.index.get(site.domain, {})
    return Ask(site.domain, site.served, str(entry.get("path", "/")), verify)


def _look_up(host: Host, sites: Sequence[Site], now: datetime.datetime, *, fresh: bool) -> dict[str, Lookup]:
    names = {name: site.trusted_proxies for site in sites for name in site.names}
    return look_up(names, host.paths, now=now, fresh=fresh, seconds=VISIT_SECONDS)


def _without_causes(visits: Mapping[str, Visited], causes: Sequence[Finding]) -> Mapping[str, Visited]:
    """Say of a site that cannot be reached only that it cannot, if the host has a cause for it."""
    if not any(cause.level == DOWN for cause in causes):
        return visits
    return {domain: _without_cause(found) for domain, found in visits.items()}


def _without_cause(found: Visited) -> Visited:
    if not found.visit.error:
        return found
    return replace(found, visit=replace(found.visit, error="the proxy does not answer"))
