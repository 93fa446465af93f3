# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``site_info``: list the sites of a host, or export them as an inventory declares them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..._core.cert.status import judge
from ..._core.errors import RefusedError
from ..._core.finding import DOWN, NOT_CHECKED, WARNING, Finding, as_mapping
from ..._core.hints import Advice, Hint
from ..._core.proxy.plan import manifest_file
from ..._core.result import Result
from ..._core.site.declared import declaration
from ..._core.site.manifest import Site, to_manifest
from ..._core.site.visitor import INVALID, OK, ContainerState, site_state
from ..._core.times import rfc3339
from ..cert.renewable import TO_MAKE_ANEW, with_renewal
from ..cert.served import NOT_SERVED, OLDER, OTHER, OTHER_CERTIFICATE_SERVED, SAME, comparison
from ..machine.docker import Engine
from ..store.certificates import read_pair
from ..store.host import Host, read_host
from ..store.layout import Paths
from .survey import Survey, survey
from .view import site_view

__all__ = ("Listed", "SiteListRequest", "export_sites", "list_sites", "look_at_sites", "site_entry")


_SYNC = Hint("vhost.sync")
# An engine that does not answer within this time is reported as silent.
_ENGINE_SECONDS = 5


@dataclass(frozen=True)
class SiteListRequest:
    """What a task of ``site_info`` requests: all sites or one.

    ``probe`` asks each site through the proxy, and the DNS for its names; ``fresh`` does not use DNS answers that were
    kept.
    """

    domain: str | None = None
    probe: bool = True
    fresh: bool = False


@dataclass(frozen=True)
class Listed:
    """The sites of a host: an entry for each, what is wrong with them, and what is wrong with the host."""

    entries: list[dict[str, Any]]
    findings: list[Finding]
    causes: list[Finding]


def list_sites(request: SiteListRequest, *, paths: Paths | None = None, engine: Engine | None = None) -> Result:
    """Return every site that has a manifest or is live, or the one named. RefusedError if there is no such site."""
    host = read_host(paths or Paths(), stamped=False)
    listed = look_at_sites(host, request, connect=lambda: engine or Engine(timeout=_ENGINE_SECONDS))
    return Result(
        data={
            "generation": host.number,
            "last_change": _last_change(host),
            "sites": listed.entries,
            "causes": [as_mapping(cause) for cause in listed.causes],
        }
    )


def look_at_sites(host: Host, request: SiteListRequest, *, connect: Callable[[], Engine]) -> Listed:
    """Return the sites of a host with all that is wrong. RefusedError if there is no site of the requested name.

    ``connect`` returns the engine, or raises VsaError if the engine does not answer.
    """
    known = sorted({*host.manifests, *host.live.domains})
    if request.domain is not None and request.domain not in known:
        raise host.no_such_site(request.domain)
    domains = known if request.domain is None else [request.domain]
    seen = survey(host, domains, connect, probe=request.probe, fresh=request.fresh)
    entries, findings = [], []
    for name in domains:
        entry, found = site_entry(host, name, seen, probed=request.probe)
        entries.append(entry)
        findings += found
    return Listed(entries, findings, list(seen.causes))


def _last_change(host: Host) -> dict[str, Any] | None:
    record = host.record
    if record is None:
        return None
    return {"time": record.time, "actor": record.actor, "verb": record.verb}


def site_entry(host: Host, domain: str, seen: Survey, *, probed: bool) -> tuple[dict[str, Any], list[Finding]]:
    """Return what is known about one site with its last change, and what is wrong with it.

    A site whose manifests are all invalid has these problems alone.
    """
    entry, findings = _entry(host, domain, seen, probed=probed)
    return {**entry, "last_change": host.index.get(domain, {}).get("last_change")}, findings


def _entry(host: Host, domain: str, seen: Survey, *, probed: bool) -> tuple[dict[str, Any], list[Finding]]:
    site, findings = _site(host, domain)
    live = manifest_file(domain) in host.live.files
    if site is None:
        problems = [finding.text for finding in findings]
        return {"domain": domain, "state": INVALID, "problems": problems, "live": live, "routes": []}, findings
    invalid = bool(findings)
    view = site_view(site, host.settings)
    certificate = _certificate(host, site, view["ca"], seen)
    _add_container_states(view["routes"], seen.states)
    findings += _certificate_findings(domain, certificate)
    findings += _findings(host, site, seen, certificate=bool(findings))
    entry = {
        **view,
        "state": _state(findings, seen, invalid=invalid, live=live, probed=probed),
        "problems": list(dict.fromkeys(finding.text for finding in findings)),
        "live": live,
        "certificate": certificate,
        "auth": list(site.auth),
        "manifest": to_manifest(site),
    }
    return entry, findings


def _findings(host: Host, site: Site, seen: Survey, *, certificate: bool) -> list[Finding]:
    """Return what is wrong for visitors, in containers and names, and between the manifest and the live generation.

    With ``certificate`` the certificate has a finding already, which says more than a browser does.
    """
    domain = site.domain
    text, live = host.manifests.get(domain), host.live.files.get(manifest_file(domain))
    findings = [finding for finding in seen.findings(site) if not (certificate and finding.name == "site-untrusted")]
    if text is None:
        missing = "its manifest is missing, and the live generation serves it"
        findings.append(Finding("site-manifest-missing", WARNING, domain, missing, Advice("", Hint("vhost.restore"))))
    elif live is None:
        findings.append(Finding("site-not-live", WARNING, domain, Advice("not live yet", _SYNC)))
    elif text != live:
        unlike = Advice("not live as the manifest says", _SYNC)
        findings.append(Finding("site-not-live", WARNING, domain, unlike))
    return findings


def _site(host: Host, domain: str) -> tuple[Site | None, list[Finding]]:
    """Return the site of the manifest, or else the live one, and a finding for each invalid manifest."""
    findings = []
    for read, words in ((host.site, "the manifest is not valid"), (host.live_site, "the live manifest is not valid")):
        try:
            site = read(domain)
        except RefusedError as error:
            findings.append(Finding("site-manifest", WARNING, domain, f"{words}: {error.message}"))
            continue
        if site is not None:
            return site, findings
    return None, findings


def _state(findings: list[Finding], seen: Survey, *, invalid: bool, live: bool, probed: bool) -> str:
    """Return the state of a site. A site that nobody asked is never called ok."""
    if live and not probed and seen.down:
        return DOWN
    state = site_state(findings, invalid=invalid)
    if state in (OK, NOT_CHECKED) and live and seen.alarmed:
        return WARNING
    return NOT_CHECKED if state == OK and not probed else state


def _add_container_states(routes: list[dict[str, Any]], states: Mapping[str, ContainerState] | None) -> None:
    """Add the state of its container to each route, and remarks; None if the engine does not answer."""
    for route in routes:
        found = None if states is None else states.get(route["container"])
        if states is None:
            route["state"] = None
        else:
            route["state"] = found.status if found else "missing"
            remarks = found.remarks() if found else []
            if remarks:
                route["remarks"] = remarks


def _certificate(host: Host, site: Site, authority: str, seen: Survey) -> dict[str, Any]:
    """Return the state of a site's certificate on disk, compared with the one that the proxy serves."""
    reading = read_pair(host.paths, site.domain, authority)
    status = judge(reading.facts, names=site.names, now=seen.now, unreadable=reading.unreadable)
    status = with_renewal(host.paths, site.domain, authority, status)
    answer = seen.answer(site.domain)
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


def _certificate_findings(domain: str, certificate: Mapping[str, Any]) -> list[Finding]:
    """Return the finding about a certificate. One that is due is left to the renewal, one not served to the visit."""
    state = certificate["state"]
    if state in ("ok", "due") and certificate["served"] in (None, SAME, NOT_SERVED):
        return []
    problem, hint = certificate["problem"], Hint("cert.status", {"domain": domain})
    if isinstance(problem, Advice):
        hint = problem.hint
        problem = problem.sentence.removesuffix(TO_MAKE_ANEW)
    text = f"certificate: {problem or state}"
    remedy = Advice("", hint)
    return [Finding("site-certificate", WARNING, domain, text, remedy)]


def export_sites(*, paths: Paths | None = None) -> Result:
    """Return the manifests of a host as an inventory declares them, and those that are not valid."""
    host = read_host(paths or Paths(), stamped=False)
    declared: dict[str, Any] = {}
    unreadable: list[dict[str, str]] = []
    for domain, text in sorted(host.manifests.items()):
        try:
            declared[domain] = declaration(host.parse(domain, text))
        except RefusedError as error:
            unreadable.append({"domain": domain, "problem": error.message})
    return Result(data={"vsa_sites": declared, "unreadable": unreadable})
