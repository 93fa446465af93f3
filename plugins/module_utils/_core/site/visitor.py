# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a visitor of a site gets, and the state of the site that follows.

``down``: no handshake, or the proxy's own 502 or 504. ``warning``: a 5xx of the backend, a certificate that browsers do
not accept, a container that is unhealthy or on another network, DNS that leads elsewhere. ``ok``: 2xx to 4xx, and
declared maintenance. What did not answer in time is ``not checked``.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..finding import DOWN, LEVELS, NOT_CHECKED, WARNING, Finding
from ..hints import Advice, Hint

__all__ = (
    "INVALID",
    "OK",
    "STATES",
    "ContainerState",
    "Lookup",
    "Visit",
    "container_findings",
    "dns_findings",
    "site_state",
    "visit_findings",
)

OK = "ok"
INVALID = "invalid"

STATES = (DOWN, INVALID, WARNING, NOT_CHECKED, OK)
"""The states of a site, the worst first. ``invalid``: its manifest cannot be used; what was live before serves."""

# The least status of HTTP. What is no HTTP has a lower one, or none.
_LEAST = 100
_MAINTENANCE = 503
_NO_BACKEND = (502, 504)


@dataclass(frozen=True)
class Visit:
    """What one visitor got through the proxy.

    * ``error``: why there was no TLS connection. ``late``: no answer came in time.
    * ``own``: the site's own server block answered the marker.
    * ``status``: of the page. ``by_backend``: the backend sent this status, not the proxy.
    * ``untrusted``: why a browser does not accept the certificate.
    """

    status: int | None = None
    by_backend: bool = False
    own: bool = True
    late: bool = False
    error: str | None = None
    untrusted: str | None = None


@dataclass(frozen=True)
class Lookup:
    """What DNS says of a name: the addresses that lead to this host, those that do not, and those that nobody knows of.

    ``failed`` says why no resolver answered.
    """

    here: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    failed: str | None = None


@dataclass(frozen=True)
class ContainerState:
    """A container as the engine lists it: its status, whether its health check fails, and its networks.

    ``checked``: whether it has a health check, as far as the engine says. ``open_ports``: the ports of the host that
    lead to it from everywhere.
    """

    status: str
    unhealthy: bool = False
    networks: frozenset[str] = frozenset()
    checked: bool = True
    open_ports: tuple[int, ...] = ()

    def remarks(self) -> list[str]:
        """Return what is no error of the container of a site, and hurts the site later."""
        found = [] if self.checked else ["no health check"]
        if self.open_ports:
            found.append(f"port {', '.join(map(str, self.open_ports))} of the host leads past the proxy")
        return found


def container_findings(
    domain: str, containers: Sequence[str], states: Mapping[str, ContainerState], *, network: str
) -> list[Finding]:
    """Return what is wrong with the containers of a site."""
    findings = []
    for name in containers:
        found = states.get(name)
        if found is None:
            findings.append(Finding("site-container", WARNING, domain, f"{name} is missing", "start the container"))
        elif found.status != "running":
            text = f"{name} is {found.status}"
            findings.append(Finding("site-container", WARNING, domain, text, f"docker start {name}, on the host"))
        elif network not in found.networks:
            text = f"{name} is not on the network {network}"
            findings.append(Finding("site-network", WARNING, domain, text, f"docker network connect {network} {name}"))
        elif found.unhealthy:
            text = f"{name} is unhealthy: its health check fails"
            findings.append(Finding("site-unhealthy", WARNING, domain, text, f"docker logs {name}, on the host"))
    return findings


def visit_findings(
    domain: str, visit: Visit, *, maintenance: bool, because: Sequence[Finding] = (), seconds: float = 5
) -> list[Finding]:
    """Return what is wrong with what a visitor got. ``because`` are the findings about the containers of the site.

    A proxy that gets no answer from a container that does not run is one finding, not two. So the findings of the
    containers are in the result.
    """
    if visit.error is not None:
        return [Finding("site-unreachable", DOWN, domain, visit.error), *because]
    if visit.late:
        text = f"it did not answer within {seconds:.0f} s"
        return [Finding("site-late", NOT_CHECKED, domain, text), *because]
    findings = _page(domain, visit, maintenance=maintenance, because=because)
    if not visit.own:
        text = "the proxy does not answer from the site's own server block"
        findings.append(Finding("site-not-own", WARNING, domain, text, Advice("", Hint("vhost.sync"))))
    if visit.untrusted is not None:
        text = f"browsers do not accept its certificate: {visit.untrusted}"
        findings.append(Finding("site-untrusted", WARNING, domain, text))
    return findings


def _page(domain: str, visit: Visit, *, maintenance: bool, because: Sequence[Finding]) -> list[Finding]:
    """Return what the status of the page means, with what is known about the containers."""
    status = visit.status or 0
    if status < _LEAST:
        return [Finding("site-no-backend", DOWN, domain, "its backend does not speak HTTP"), *because]
    if status < 500:
        return list(because)
    if visit.by_backend:
        text = f"its backend answers {status}"
        return [Finding("site-error", WARNING, domain, text), *because]
    if status == _MAINTENANCE and maintenance:
        return list(because)
    if status not in _NO_BACKEND:
        return [Finding("site-error", WARNING, domain, f"the proxy answers {status}"), *because]
    reasons = "; ".join(finding.text for finding in because)
    remedy = next((finding.remedy for finding in because), "")
    text = f"the proxy answers {status}: {reasons or 'the container does not answer'}"
    return [Finding("site-no-backend", DOWN, domain, text, remedy)]


def dns_findings(domain: str, lookups: Mapping[str, Lookup]) -> list[Finding]:
    """Return which names of a site do not lead to this host, or of which nobody knows whether they do."""
    findings = []
    for name, found in lookups.items():
        whose = "DNS" if name == domain else f"DNS of {name}"
        if found.failed is not None:
            findings.append(Finding("dns-silent", NOT_CHECKED, domain, f"{whose}: no answer ({found.failed})"))
        elif found.elsewhere:
            text = f"{whose} leads to {' and '.join(found.elsewhere)}, which is not this host"
            findings.append(Finding("dns-elsewhere", WARNING, domain, text, "correct the DNS records"))
        elif found.unknown:
            text = f"{whose} leads to {' and '.join(found.unknown)}, which this host cannot reach"
            findings.append(Finding("dns-unknown", NOT_CHECKED, domain, text))
        elif not found.here:
            text = f"{whose} has no address"
            findings.append(Finding("dns-missing", WARNING, domain, text, "correct the DNS records"))
    return findings


def site_state(findings: Iterable[Finding], *, invalid: bool) -> str:
    """Return the state of a site: the worst level of its findings, or invalid if nothing is down."""
    levels = {finding.level for finding in findings}
    if invalid and DOWN not in levels:
        return INVALID
    return next((level for level in LEVELS if level in levels), OK)
