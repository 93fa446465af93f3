# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of sites that are about to change the proxy.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..._core.cert.options import CertificateOptions
from ..._core.errors import NOTHING_CHANGED, RolledBackError, VsaError
from ..._core.forms import SELFSIGNED
from ..._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Result, Step, as_module_result
from ..._core.settings import Settings
from ..._core.site.declared import WHERE, in_one
from ..._core.site.manifest import Site, certificate_authority
from ..cert.issue import ensure_certificate, valid_certificate
from ..cert.wanted import IssueRequest, wanted_certificate
from ..cert.words import STILL_SERVED
from ..store.certificates import certificate_problem
from ..store.host import Host
from .names import Validation
from .preflight import listed

__all__ = ("add_steps", "ensure_before_switch", "ensure_certificates", "issue_request", "validation_of")

_STAYS = "the certificate was issued and stays; the proxy is as it was"


def issue_request(site: Site, settings: Settings, *, names_checked: bool = True) -> IssueRequest:
    """Return the request for the certificate of a site. The transaction that follows proves that it is served.

    ``names_checked``: the preflight of the verb has looked the names up, with their CAA records.
    """
    return IssueRequest(
        domain=site.domain,
        names=site.names,
        ca=certificate_authority(site, settings),
        email=site.email or settings.email,
        names_checked=names_checked,
        prove=False,
    )


def ensure_before_switch(host: Host, request: IssueRequest, plan: Callable[[], object], *, check: bool) -> Result:
    """Ensure the certificate of a site whose change of the proxy follows.

    ``plan`` makes the plan of that change, which touches nothing. Before a CA is asked the plan is made once: what the
    change would be refused for must not cost a certificate.
    """
    if not check and valid_certificate(host, request) is None:
        plan()
    return ensure_certificate(host, request, check=check)


def add_steps(error: VsaError, done: Result, *, stays: str = _STAYS) -> None:
    """Add the steps that were done before an error. ``stays`` is its state if one of them issued a certificate."""
    error.steps = [*as_module_result(done).get("steps", []), *error.steps]
    issued = any(step.state == CHANGED for step in done.steps)
    if issued and error.state == NOTHING_CHANGED:
        error.state = stays


def validation_of(
    host: Host, site: Site, settings: Settings, *, options: CertificateOptions | None = None
) -> Validation | None:
    """Return what a CA is about to validate for a site, None if no CA is asked.

    No CA is asked for a self-signed certificate, for a site that is served with a usable certificate, or if the
    certificate on disk is good. ``options`` are those of the certificate if the site gets them from another one.
    """
    if certificate_authority(site, settings) == SELFSIGNED or _still_served(host, site, settings):
        return None
    request = issue_request(site, settings)
    if options is not None:
        request = dataclasses.replace(request, san=options.san or None, dns=options.dns)
    if valid_certificate(host, request) is not None:
        return None
    wanted = wanted_certificate(host, request)
    return Validation(wanted.authority, wanted.names, by_dns=wanted.dns is not None)


@dataclass
class _Progress:
    """What became of the certificates so far: domains of the issued ones, and the number of the kept ones."""

    issued: list[str] = field(default_factory=list)
    kept: int = 0
    notes: list[str] = field(default_factory=list)
    wrong: list[VsaError] = field(default_factory=list)


def ensure_certificates(
    host: Host,
    sites: Sequence[Site],
    settings: Settings,
    *,
    plan: Callable[[], object],
    touched: set[str],
    check: bool,
) -> Result:
    """Ensure that every declared site has a certificate. ``touched`` are the sites that are new or changed.

    ``plan`` makes the plan of the change that follows, as for :func:`ensure_before_switch`.

    If the CA refuses a site that is served already, the site keeps its certificate, and that is a warning. VsaError
    names every other failure: what was issued before it stays, and the next run continues from there.
    """
    progress = _Progress()
    planned = check
    for site in sites:
        request = issue_request(site, settings, names_checked=site.domain in touched)
        if not _needs_look(host, site, settings, touched) or valid_certificate(host, request) is not None:
            progress.kept += 1
            continue
        if not planned:
            plan()
            planned = True
        try:
            result = ensure_certificate(host, request, check=check)
        except VsaError as error:
            if _still_served(host, site, settings):
                progress.notes.append(f"{site.domain}: {error.message}: {STILL_SERVED}")
                continue
            error.field = f"{WHERE}/{site.domain}"
            progress.wrong.append(error)
            if isinstance(error, RolledBackError):
                break  # the CA does not answer, so the other sites would only wait for it as well
            continue
        _add(progress, site.domain, result)
    if progress.wrong:
        had = f"; issued already: {', '.join(progress.issued)}" if progress.issued and not check else ""
        raise in_one(progress.wrong, of=len(sites), state=f"the proxy is as it was{had}")
    return _result(progress, check=check) if sites else Result()


def _needs_look(host: Host, site: Site, settings: Settings, touched: set[str]) -> bool:
    """Say whether the certificate has to be looked at. A certificate that is merely due is left to the renewal."""
    entry = host.index.get(site.domain)
    authority = certificate_authority(site, settings)
    if site.domain in touched or entry is None or entry["ca"] != authority:
        return True
    return certificate_problem(host.paths, site.domain, authority) is not None


def _still_served(host: Host, site: Site, settings: Settings) -> bool:
    """Say whether the proxy serves a site with a usable certificate of the same CA and the same names."""
    entry = host.index.get(site.domain)
    authority = certificate_authority(site, settings)
    if entry is None or (entry["ca"], entry["names"]) != (authority, list(site.names)):
        return False
    return certificate_problem(host.paths, site.domain, authority) is None


def _add(progress: _Progress, domain: str, result: Result) -> None:
    if result.changed:
        progress.issued.append(domain)
    else:
        progress.kept += 1
    for step in result.steps:
        progress.notes += [f"{domain}: {text}" for text in (step.text, *step.notes)]


def _result(progress: _Progress, *, check: bool) -> Result:
    """Return the one step of all certificates."""
    texts = []
    if progress.issued:
        texts.append(f"{len(progress.issued)} {'would be issued' if check else 'issued'}")
    if progress.kept:
        texts.append(f"{progress.kept} kept")
    state = WARNING if progress.notes else OK
    if progress.issued:
        state = WOULD_CHANGE if check else CHANGED
    step = Step("certificate", state, ", ".join(texts) or "none is kept", tuple(listed(progress.notes)))
    return Result(changed=bool(progress.issued), steps=(step,))
