# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What many sites at once need before their transaction: containers that answer, names that lead here, certificates.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ..._core.errors import RefusedError, RolledBackError, VsaError
from ..._core.hints import Hint
from ..._core.settings import Settings
from ..._core.site.declared import in_one
from ..._core.site.manifest import Site, certificate_authority
from ..cert.issue import ensure_certificate, valid_certificate
from ..cert.wanted import IssueRequest
from ..cert.words import STILL_SERVED
from ..machine.docker import Engine
from ..proxy.nginx import Nginx
from ..store.certificates import certificate_problem
from ..store.generations import Record
from ..store.host import read_host
from ..store.layout import Paths
from .preflight import Report, check_containers, check_names

__all__ = ("NAMED", "Certificates", "Checked", "bring_certificates", "check_sites", "some")

# Of so many lines each is said; beyond them how many more there are.
NAMED = 20

_AT_ONCE = 8


@dataclass(frozen=True)
class Checked:
    """The sites whose containers answered, and the step that says what was found."""

    answering: frozenset[str]
    steps: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Certificates:
    """Whether a certificate was brought, or would be, and the step that says which."""

    changed: bool
    steps: tuple[dict[str, Any], ...]


def some(lines: Sequence[str]) -> list[str]:
    """Return the first lines, and how many more there are."""
    return [*lines[:NAMED], *([f"and {len(lines) - NAMED} more"] if len(lines) > NAMED else [])]


def check_sites(engine: Engine, paths: Paths, nginx: Nginx, sites: Sequence[Site], *, of: int, check: bool) -> Checked:
    """Look at the containers and names of sites that are new or changed. VsaError names every one that does not fit."""
    if not sites:
        return Checked(frozenset(), ())
    if nginx.master() is None:
        raise RefusedError(
            "the reverse proxy of this host does not run", hint=Hint("stack.up", {"name": "reverse-proxy"})
        )
    reports: dict[str, Report] = {}
    wrong: list[VsaError] = []
    for site in sites:
        try:
            reports[site.domain] = check_containers(engine, site)
        except VsaError as error:
            error.field = f"vsa_sites/{site.domain}/{error.field or 'routes'}"
            wrong.append(error)
    if wrong:
        raise in_one(wrong, of=of)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        names = list(pool.map(lambda site: check_names(paths, site, strict=False, write=not check), sites))
    facts = list(dict.fromkeys(fact for report in reports.values() for fact in report.facts))
    notes = [
        f"{site.domain}: {warning}"
        for site, named in zip(sites, names, strict=True)
        for warning in (*reports[site.domain].warnings, *named.warnings)
    ]
    state = "warning" if any(named.warnings for named in names) else "ok"
    text = " · ".join(facts[:4]) + (f" · and {len(facts) - 4} more" if len(facts) > 4 else "")
    answering = frozenset(domain for domain, report in reports.items() if report.answering)
    return Checked(answering, ({"name": "preflight", "state": state, "text": text, "notes": some(notes)},))


def _issue_request(site: Site, settings: Settings) -> IssueRequest:
    return IssueRequest(
        domain=site.domain,
        names=site.names,
        ca=certificate_authority(site, settings),
        email=site.email or settings.email,
        prove=False,  # the transaction that follows proves it
    )


def _needs_look(paths: Paths, site: Site, authority: str, record: Record | None, touched: set[str]) -> bool:
    """Say whether a site's certificate is worth a closer look: renewing what is merely due is the renewal's job."""
    entry = record.sites.get(site.domain) if record else None
    if site.domain in touched or entry is None or entry["ca"] != authority:
        return True
    return certificate_problem(paths, site.domain, authority) is not None


def bring_certificates(
    paths: Paths, sites: Sequence[Site], settings: Settings, *, record: Record | None, touched: set[str], check: bool
) -> Certificates:
    """Bring the certificates that are missing or do not fit.

    A site that is served already, with a certificate that can be served, stays so where its CA refuses: a warning.
    VsaError names every other failure; what was issued before stays, and the next run goes on from there.
    """
    host = read_host(paths)
    brought: list[str] = []
    notes: list[str] = []
    kept = 0
    wrong: list[VsaError] = []
    for site in sites:
        request, authority = _issue_request(site, settings), certificate_authority(site, settings)
        if not _needs_look(paths, site, authority, record, touched) or valid_certificate(host, request):
            kept += 1
            continue
        try:
            result = ensure_certificate(host, request, check=check)
        except VsaError as error:
            entry = record.sites.get(site.domain) if record else None
            served = entry is not None and (entry["ca"], entry["names"]) == (authority, list(site.names))
            if served and certificate_problem(paths, site.domain, authority) is None:
                notes.append(f"{site.domain}: {error.message}: {STILL_SERVED}")
                continue
            error.field = f"vsa_sites/{site.domain}"
            wrong.append(error)
            if isinstance(error, RolledBackError):
                break  # the CA does not answer: asking it for the others as well would only take long
            continue
        [done] = result.steps
        brought += [site.domain] if result.changed else []
        kept += not result.changed
        notes += [f"{site.domain}: {done.text}", *(f"{site.domain}: {note}" for note in done.notes)]
    if wrong:
        had = f"; issued already: {', '.join(brought)}" if brought and not check else ""
        raise in_one(wrong, of=len(sites), state=f"the proxy is as it was{had}")
    counted = [f"{len(brought)} {'would be issued' if check else 'issued'}"] if brought else []
    counted += [f"{kept} kept"] if kept else []
    state = ("would_change" if check else "changed") if brought else "warning" if notes else "ok"
    step = {"name": "certificate", "state": state, "text": ", ".join(counted) or "none is kept", "notes": some(notes)}
    return Certificates(bool(brought), (step,) if sites else ())
