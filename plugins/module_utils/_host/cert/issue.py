# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ensure that a site has a valid certificate: keep the present one, or issue a new one and have NGINX load it.

A failed attempt leaves the previous certificate in place and reports what the CA answered.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ..._core.cert.attempts import Attempts
from ..._core.cert.status import (
    EXPIRED,
    KEEP,
    MISMATCH,
    WAIT,
    Decision,
    Facts,
    authority_label,
    directory_url,
    judge,
    should_issue,
    valid_for,
)
from ..._core.errors import NotRolledBackError
from ..._core.forms import SELFSIGNED
from ..._core.hints import Hint
from ..._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Result
from ..machine.clock import time_now
from ..machine.disk import disk_errors_refused, disk_errors_told
from ..machine.docker import Engine
from ..machine.files import require_room
from ..machine.resolver import Names
from ..machine.tls import client_context
from ..store.cert_options import options_secured, write_options
from ..store.certificates import certificate_directory, set_rights, wrong_rights
from ..store.host import Host
from ..store.layout import Paths
from .ask_ca import ask_ca
from .caa import check_caa
from .certbot import Certbot, ask_for_reload
from .chain import read_lineage
from .clock_check import refuse_wrong_clock
from .selfsigned import make_pair
from .served import serves_lineage, wait_until_served
from .wanted import IssueRequest, WantedCertificate, refuse_missing_credentials, wanted_certificate
from .words import certificate_result, issued_text, state_after_failure, trust_notes, wait_error

__all__ = ("ensure_certificate", "valid_certificate")

# A lineage has four files of a few KiB, each in a directory that may be new, and certbot writes a log of the order.
_ROOM = 256 * 1024


@dataclass(frozen=True)
class _Present:
    """What the host has for a wanted certificate, and what to do about it. ``facts`` is None without a certificate."""

    facts: Facts | None
    attempts: Attempts
    decision: Decision


def valid_certificate(host: Host, request: IssueRequest) -> Result | None:
    """Return the result of ``ensure_certificate`` if the present certificate is good as it is; else None.

    Changes nothing and asks no CA.
    """
    wanted = wanted_certificate(host, request)
    certbot = None if wanted.authority == SELFSIGNED else Certbot(host.paths)
    client = client_context(wanted.ca_bundle, check_name=False)
    present = _present(host.paths, wanted, certbot, client=client, force=False)
    if present.decision.action != KEEP or wrong_rights(host.paths, wanted.domain, wanted.authority):
        return None
    return _kept_result(wanted, present, OK, present.decision.reason)


def ensure_certificate(host: Host, request: IssueRequest, *, check: bool, engine: Engine | None = None) -> Result:
    """Ensure that a domain has a valid certificate, and that NGINX can read it and has loaded it.

    RefusedError if the CA must not be asked now or refuses; RolledBackError if the CA could not be asked. In both cases
    the previous certificate is still in place.
    """
    paths = host.paths
    wanted = wanted_certificate(host, request)
    client = client_context(wanted.ca_bundle, check_name=False)
    certbot = None if wanted.authority == SELFSIGNED else Certbot(paths, engine=engine)
    present = _present(paths, wanted, certbot, client=client, force=request.force)
    facts, decision = present.facts, present.decision
    if decision.action == WAIT:
        raise wait_error(
            wanted.domain,
            wanted.authority,
            present.attempts,
            until=decision.until,
            state=state_after_failure(facts),
        )
    if decision.action == KEEP:
        return _keep(paths, wanted, present, check=check)
    refuse_missing_credentials(paths, wanted)
    notes = _caa_notes(paths, wanted, request, facts)
    if check:
        text = f"would be issued by {authority_label(wanted.authority)}: {decision.reason}"
        return certificate_result(wanted, facts, WOULD_CHANGE, text, notes)
    with _secured(paths, wanted) as save_options:
        notes += _issue(paths, wanted, certbot, present)
        issued = read_lineage(paths, wanted.domain, wanted.authority, client=client).facts
        new = f"the new certificate of {wanted.domain} is in place"
        with disk_errors_told(f"{new}, and NGINX may not be able to read it"):
            result = _deploy(host, wanted, facts, issued, notes=notes, prove=request.prove)
        with disk_errors_told(f"{new}; its options are not saved for renewals"):
            save_options()
    return result


@contextmanager
def _secured(paths: Paths, wanted: WantedCertificate) -> Iterator[Callable[[], None]]:
    """Make sure of the room for a certificate and its options before the CA is asked: an order costs a limited number.

    RefusedError if there is none. Yields the function that saves the options.
    """
    with ExitStack() as stack:
        with disk_errors_refused():
            if paths.letsencrypt.is_dir() and wanted.authority != SELFSIGNED:
                require_room(paths.letsencrypt, _ROOM)
            save_options = stack.enter_context(options_secured(paths, wanted.domain, wanted.options))
        yield save_options


def _present(
    paths: Paths, wanted: WantedCertificate, certbot: Certbot | None, *, client: ssl.SSLContext, force: bool
) -> _Present:
    reading = read_lineage(paths, wanted.domain, wanted.authority, client=client)
    attempts = certbot.attempts(wanted.domain) if certbot else Attempts()
    decision = should_issue(
        reading.facts,
        names=wanted.names,
        authority=wanted.authority,
        attempts=attempts,
        now=time_now(),
        force=force,
        unreadable=reading.unreadable,
    )
    return _Present(reading.facts, attempts, decision)


def _kept_result(wanted: WantedCertificate, present: _Present, state: str, text: str) -> Result:
    notes = trust_notes(wanted, present.facts) if present.facts else []
    return certificate_result(wanted, present.facts, state, text, notes)


def _keep(paths: Paths, wanted: WantedCertificate, present: _Present, *, check: bool) -> Result:
    """Keep the present certificate. Corrects the rights of its files, and saves the options."""
    words = [present.decision.reason]
    with disk_errors_refused():
        if not check and set_rights(paths, wanted.domain, wanted.authority):
            words.append("made readable for NGINX")
    told = disk_errors_refused()
    if len(words) > 1:
        told = disk_errors_told("the certificate was made readable for NGINX; its options are not saved for renewals")
    with told:
        if not check and write_options(paths, wanted.domain, wanted.options):
            words.append("its options were saved")
    state = CHANGED if len(words) > 1 else OK
    return _kept_result(wanted, present, state, ", ".join(words))


def _caa_notes(paths: Paths, wanted: WantedCertificate, request: IssueRequest, facts: Facts | None) -> list[str]:
    """Return what is to be said of the CAA records before the CA is asked. RefusedError if they forbid the CA."""
    if wanted.authority == SELFSIGNED or request.names_checked:
        return []
    found = check_caa(paths, Names(), wanted.names, authority=wanted.authority, by_dns=wanted.dns is not None)
    if not found.refusals:
        return found.warnings
    said = [error.message for error in found.refusals]
    if not request.dns_check:
        return [*found.warnings, *said]
    first = found.refusals[0]
    first.state = state_after_failure(facts)
    first.details = said[1:]
    first.hint = Hint(
        "cert.issue",
        {"domain": wanted.domain, "dns_check": False},
        note="if the CA sees other CAA records than this host; otherwise correct them",
    )
    raise first


def _issue(paths: Paths, wanted: WantedCertificate, certbot: Certbot | None, present: _Present) -> list[str]:
    """Make a self-signed pair, or ask the CA. Returns notes for the operator."""
    if certbot is None:
        with disk_errors_refused():
            make_pair(paths.selfsigned, wanted.names, now=time_now())
        if present.facts is not None:
            with disk_errors_told(f"the new pair of {wanted.domain} is in place; NGINX loads it within six hours"):
                ask_for_reload(paths)
        return []
    refuse_wrong_clock(
        directory_url(wanted.authority),
        client_context(wanted.ca_bundle),
        now=time_now(),
        domain=wanted.domain,
        state=state_after_failure(present.facts),
    )
    note = ask_ca(certbot, wanted, present.decision, present.attempts, present.facts)
    return [note] if note else []


def _deploy(
    host: Host,
    wanted: WantedCertificate,
    before: Facts | None,
    issued: Facts | None,
    *,
    notes: list[str],
    prove: bool,
) -> Result:
    """Check what was issued, let NGINX read it, and wait until the proxy serves it instead of the previous one."""
    paths = host.paths
    if issued is None:
        raise NotRolledBackError(
            "the CA says that it issued a certificate, but there is none on the host",
            field="domain",
            value=wanted.domain,
            state="there is no certificate that could be served",
            hint=Hint("cert.issue", {"domain": wanted.domain, "force": True}),
        )
    status = judge(issued, names=wanted.names, now=time_now())
    if status.state in (MISMATCH, EXPIRED):
        raise NotRolledBackError(
            f"the certificate that was issued cannot be served: {status.problem}",
            field="domain",
            value=wanted.domain,
            state=f"it lies in {certificate_directory(paths, wanted.domain, wanted.authority)}",
            hint=Hint("cert.issue", {"domain": wanted.domain, "force": True}),
        )
    set_rights(paths, wanted.domain, wanted.authority)
    notes = [*notes, *trust_notes(wanted, issued)]
    if before is not None and before.fingerprint == issued.fingerprint:
        return certificate_result(wanted, issued, OK, valid_for(status), notes)
    text = issued_text(wanted, issued)
    unserved = {}
    if prove and before is not None and serves_lineage(host, wanted.domain, wanted.authority):
        unserved = wait_until_served({wanted.domain: issued.fingerprint})
    if unserved:
        return certificate_result(wanted, issued, WARNING, text, [*notes, *unserved.values()], changed=True)
    return certificate_result(wanted, issued, CHANGED, text, notes)
