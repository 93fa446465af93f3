# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the certificates of a host: what lies on disk, what the proxy serves, and whether renewal works.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._core import forms
from ..._core.cert.attempts import Attempts
from ..._core.cert.options import CertificateOptions, needed_names
from ..._core.cert.status import (
    DUE,
    EXPIRED,
    EXPIRING,
    STATES,
    VALID,
    CertificateStatus,
    Facts,
    RenewalWindow,
    judge,
    past_two_thirds,
    renewal_time,
)
from ..._core.errors import RefusedError, VsaError
from ..._core.forms import LETSENCRYPT, SELFSIGNED
from ..._core.hints import Hint
from ..._core.nearest import there_are
from ..._core.result import Result
from ..._core.settings import Settings
from ..._core.site.manifest import certificate_authority
from ..._core.times import rfc3339
from ..machine.clock import time_now
from ..machine.files import read_text
from ..machine.tls import client_context
from ..store.cert_options import read_options
from ..store.certificates import Reading
from ..store.host import Host
from ..store.layout import Paths
from ..store.lineages import read_lineages
from .ari import known_windows, renewal_windows
from .certbot import Certbot
from .chain import read_lineage
from .renewable import with_renewal
from .served import (
    NOT_SERVED,
    OLDER,
    OTHER,
    OTHER_CERTIFICATE_SERVED,
    SAME,
    ServedCertificate,
    TlsProbe,
    comparison,
    probe_address,
)

__all__ = ("certificates_on_disk", "last_renewal", "list_certificates")


@dataclass(frozen=True)
class _Lineage:
    """A lineage to list. ``names`` are those that its site needs; ``site`` is False if no site uses the lineage."""

    domain: str
    names: tuple[str, ...]
    authority: str
    site: bool


@dataclass(frozen=True)
class _Found:
    """What a lineage's files say, and what the proxy serves; ``answer`` is None if nobody asked the proxy."""

    lineage: _Lineage
    reading: Reading
    answer: ServedCertificate | None


def list_certificates(host: Host, domain: object = None, *, address: str | None = None, port: int = 443) -> Result:
    """Return the result of the module ``cert_info``: all certificates, the worst first, or that of one domain.

    ``address`` and ``port`` are those of the proxy; by default it is asked on an address of this host.
    """
    paths, settings = host.paths, host.settings
    lineages = _chosen(host, None if domain is None else forms.domain(domain))
    now = time_now()
    answers = _answers(lineages, settings, address or probe_address(len(lineages), port=port), port)
    found = _read(paths, lineages, settings, answers)
    windows = renewal_windows(
        [entry.reading.facts for entry in found if entry.reading.facts],
        cache=_cache(paths),
        context=client_context(settings.ca_bundle),
        now=now,
    )
    certbot = Certbot(paths)
    views = [_view(paths, entry, certbot.attempts(entry.lineage.domain), windows, now) for entry in found]
    return Result(data={"certificates": sorted(views, key=_rank), "renewal": last_renewal(paths)})


def certificates_on_disk(host: Host, domains: Collection[str]) -> list[dict[str, Any]]:
    """Return the certificates of these domains from their files alone: nobody asks the proxy, DNS or a CA.

    A domain without a site and without a lineage is left out.
    """
    of_sites = _lineages_of_sites(host, domains)
    lineages = [*of_sites.values(), *_unused(host, of_sites, domains)]
    found = _read(host.paths, lineages, host.settings, {})
    windows = known_windows(_cache(host.paths))
    certbot, now = Certbot(host.paths), time_now()
    return [_view(host.paths, entry, certbot.attempts(entry.lineage.domain), windows, now) for entry in found]


def _cache(paths: Paths) -> Path:
    return paths.letsencrypt / "vsa-ari.json"


# Which lineages there are


def _chosen(host: Host, domain: str | None) -> list[_Lineage]:
    lineages = _lineages(host)
    if domain is None:
        return lineages
    chosen = [entry for entry in lineages if entry.domain == domain]
    if not chosen:
        raise RefusedError(
            "this host has neither a site nor a certificate of this name",
            field="domain",
            value=domain,
            there_are=there_are(domain, (entry.domain for entry in lineages)),
            hint=Hint("cert.status"),
        )
    return chosen


def _lineages(host: Host) -> list[_Lineage]:
    """Return the lineages that the sites need, then those on disk that no site uses."""
    of_sites = _lineages_of_sites(host, host.manifests)
    return [*of_sites.values(), *_unused(host, of_sites)]


def _unused(host: Host, of_sites: Mapping[str, _Lineage], wanted: Collection[str] | None = None) -> list[_Lineage]:
    """Return the lineages on disk that no site uses; only those of the ``wanted`` domains, if some are given."""
    found = []
    on_disk = read_lineages(host.paths)
    # The authority only tells the directory of a lineage without a site, so any CA of certbot will do.
    for authority, domains in ((LETSENCRYPT, on_disk.acme), (SELFSIGNED, on_disk.selfsigned)):
        for domain in sorted(domains if wanted is None else domains.intersection(wanted)):
            used = of_sites.get(domain)
            if used is None or (authority == SELFSIGNED) != (used.authority == SELFSIGNED):
                found.append(_Lineage(domain, (), authority, site=False))
    return found


def _lineages_of_sites(host: Host, domains: Collection[str]) -> dict[str, _Lineage]:
    found = {}
    for domain in domains:
        try:
            site = host.site(domain)
        except VsaError:
            continue  # `vsa site list` reports the invalid manifest; its lineage is listed without a site
        if site is None:
            continue
        names = needed_names(domain, site.names, _options(host.paths, domain))
        found[domain] = _Lineage(domain, names, certificate_authority(site, host.settings), site=True)
    return found


def _options(paths: Paths, domain: str) -> CertificateOptions:
    try:
        return read_options(paths, domain)
    except (VsaError, OSError, UnicodeDecodeError):
        return CertificateOptions()  # `vsa cert issue` reports the invalid file


# What is known about them


def _answers(lineages: list[_Lineage], settings: Settings, address: str, port: int) -> dict[str, ServedCertificate]:
    """Return what the proxy serves for each site."""
    selfsigned = [entry.domain for entry in lineages if entry.site and entry.authority == SELFSIGNED]
    others = [entry.domain for entry in lineages if entry.site and entry.authority != SELFSIGNED]
    visitor = TlsProbe(verify=True, ca_bundle=settings.ca_bundle, address=address, port=port)
    # No visitor trusts a self-signed certificate; a verification would only cost a second handshake.
    unverified = TlsProbe(address=address, port=port)
    return {**visitor.ask(others), **unverified.ask(selfsigned)}


def _read(
    paths: Paths, lineages: list[_Lineage], settings: Settings, answers: Mapping[str, ServedCertificate]
) -> list[_Found]:
    """Read the files of each lineage, one after the other: this is Python's own time, so threads would be slower."""
    client = client_context(settings.ca_bundle, check_name=False)
    found = []
    for entry in lineages:
        answer = answers.get(entry.domain) if entry.site else None
        reading = read_lineage(paths, entry.domain, entry.authority, client=client, answer=answer)
        found.append(_Found(entry, reading, answer))
    return found


def last_renewal(paths: Paths) -> dict[str, Any] | None:
    """Return when the renewal loop last ran and how it ended; None if it never ran."""
    text = read_text(paths.letsencrypt / "vsa-renew.state")
    values = dict(line.split("=", 1) for line in (text or "").splitlines() if "=" in line)
    if not values.get("exit", "").isdigit():
        return None
    return {"time": values.get("time"), "exit": int(values["exit"])}


# How it is shown


def _view(
    paths: Paths, found: _Found, attempts: Attempts, windows: Mapping[str, RenewalWindow], now: datetime.datetime
) -> dict[str, Any]:
    """Return a certificate as the module ``cert_info`` returns it."""
    lineage, facts, answer = found.lineage, found.reading.facts, found.answer
    names = lineage.names or (facts.names if facts else ())
    status = judge(facts, names=names, now=now, unreadable=found.reading.unreadable)
    status = with_renewal(paths, lineage.domain, lineage.authority, status)
    served = comparison(facts, answer)
    return {
        "domain": lineage.domain,
        "site": lineage.site,
        "state": status.state,
        "problem": _problem(status, attempts, served, answer),
        "ca": _authority(lineage, facts),
        **_facts_view(facts, now),
        "seconds_left": status.seconds_left,
        "fraction_left": status.fraction_left,
        "served": served,
        "served_fingerprint": answer.fingerprint if answer else None,
        "served_not_after": rfc3339(answer.not_after) if answer else None,
        **_renewal_view(facts, status, attempts, windows, now),
        "last_failure": _last_failure(attempts),
    }


def _authority(lineage: _Lineage, facts: Facts | None) -> str:
    if lineage.site or facts is None:
        return lineage.authority
    return facts.server or lineage.authority


def _facts_view(facts: Facts | None, now: datetime.datetime) -> dict[str, Any]:
    if facts is None:
        nothing = ("issuer", "key", "key_matches", "not_before", "not_after", "fingerprint")
        return {**dict.fromkeys(nothing), "names": [], "past_two_thirds": False}
    return {
        "issuer": facts.issuer,
        "key": facts.key,
        "key_matches": facts.pair_problem is None,
        "names": list(facts.names),
        "not_before": rfc3339(facts.not_before),
        "not_after": rfc3339(facts.not_after),
        "past_two_thirds": past_two_thirds(facts, now=now),
        "fingerprint": facts.fingerprint,
    }


def _problem(
    status: CertificateStatus, attempts: Attempts, served: str | None, answer: ServedCertificate | None
) -> str | None:
    """Return the one problem to show: a failed renewal, else that of the files, else that of what is served."""
    if status.state in (EXPIRING, EXPIRED) and attempts.error:
        return f"overdue: the last attempt failed: {attempts.error}"
    if status.problem and status.state != VALID:
        return status.problem
    if served == NOT_SERVED:
        return answer.error if answer else None
    if served in (OLDER, OTHER):
        return OTHER_CERTIFICATE_SERVED
    return status.problem


def _renewal_view(
    facts: Facts | None,
    status: CertificateStatus,
    attempts: Attempts,
    windows: Mapping[str, RenewalWindow],
    now: datetime.datetime,
) -> dict[str, Any]:
    """Return when the certificate will be renewed and who determines that time.

    All values are None unless certbot renews the certificate and nothing stands against it.
    """
    view: dict[str, Any] = {"renews": None, "renews_by": None, "ari": None}
    if facts is None or facts.self_signed or facts.server is None:
        return view
    window = windows.get(facts.ari_id or "")
    if window:
        view["ari"] = {"start": rfc3339(window.start), "end": rfc3339(window.end)}
    # A failed try for another name, or long before the day, changes nothing about the day.
    if status.state == VALID or (status.state == DUE and not attempts.failures):
        planned = window.middle if window else renewal_time(facts)
        view["renews"] = f"{max(now, planned):%Y-%m-%d}"
        view["renews_by"] = "ari" if window else "lifetime"
    return view


def _last_failure(attempts: Attempts) -> dict[str, Any] | None:
    if not attempts.failures:
        return None
    return {"time": rfc3339(attempts.last), "error": attempts.error, "failures": attempts.failures}


def _rank(view: Mapping[str, Any]) -> tuple[int, float, str]:
    """Return the sort key of a view: the worst first. A site that gets another certificate ranks as expiring."""
    badness = STATES.index(view["state"])
    if view["site"] and view["served"] not in (SAME, None):
        badness = max(badness, STATES.index(EXPIRING))
    return -badness, view["fraction_left"] or 0.0, view["domain"]
