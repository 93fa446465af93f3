# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a CA for one certificate, once; after a failure, record the attempt and explain the failure to the operator.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress

from ..._core.cert.attempts import Attempts
from ..._core.cert.certbot_output import (
    ACCOUNT,
    BUSY,
    CHALLENGE,
    DISK,
    FORBIDDEN,
    NONCE,
    OTHER,
    PLUGIN,
    RATE_LIMIT,
    UNREACHABLE,
    Problem,
    not_due,
    read_failure,
)
from ..._core.cert.status import DIRECTORIES, Decision, Facts, authority_label, directory_url
from ..._core.errors import RefusedError, RolledBackError, VsaError
from ..._core.forms import STAGING
from ..._core.hints import Hint
from ..._core.times import rfc3339
from ..machine.clock import time_now
from ..machine.disk import disk_errors_refused, disk_words
from .certbot import DEFAULT_VERSION, Certbot
from .wanted import WantedCertificate
from .words import state_after_failure

__all__ = ("ask_ca", "forget_failures", "not_issued", "remember_failure")

# The CA does not count these failures: it did not begin to validate a name.
_NOT_COUNTED = (UNREACHABLE, BUSY, PLUGIN, DISK, NONCE, ACCOUNT)
# For these, trying again later makes sense. With the others the CA has refused.
_NOT_REFUSED = (UNREACHABLE, OTHER, DISK, NONCE, ACCOUNT)

_LOGS_HINT = "docker logs vsa-certbot, and /srv/platform/reverse-proxy/logs/certbot"


def ask_ca(
    certbot: Certbot, wanted: WantedCertificate, decision: Decision, attempts: Attempts, facts: Facts | None
) -> str | None:
    """Have a certificate issued; returns a note for the operator, if there is one.

    ``facts`` are those of the present certificate. Raises RefusedError or RolledBackError with the CA's own message.
    Let's Encrypt is asked once at the most.
    """
    with disk_errors_refused():
        certbot.trust(wanted.ca_bundle)
    if decision.rehearse:
        _rehearse(certbot, wanted, facts)
    usable = certbot.usable(wanted.domain)
    with disk_errors_refused(), certbot.set_aside(wanted.domain):
        done = certbot.issue(
            wanted.names,
            server=directory_url(wanted.authority),
            email=wanted.email,
            fresh=decision.fresh,
            # NGINX loads the first certificate of a site in the transaction that adds the site.
            reload=facts is not None or not usable,
            dns=wanted.dns,
            dns_wait=wanted.dns_wait,
        )
        if done.code:
            problem = read_failure(done.output, code=done.code)
            raise not_issued(wanted, facts, remember_failure(certbot, wanted.domain, attempts, problem))
    forget_failures(certbot, wanted.domain)
    if not_due(done.output):
        return "the CA says that it is not due yet"
    return "rehearsed at the staging CA first" if decision.rehearse else None


def forget_failures(certbot: Certbot, domain: str) -> None:
    """Remove the record of failed tries after a success. If it stays, it only delays a try after the next failure."""
    with suppress(OSError):
        certbot.remember(domain, Attempts())


def _rehearse(certbot: Certbot, wanted: WantedCertificate, facts: Facts | None) -> None:
    """Do a dry run at the staging CA of Let's Encrypt; raises the same errors as a real attempt."""
    done = certbot.issue(
        wanted.names,
        server=DIRECTORIES[STAGING],
        email=wanted.email,
        rehearse=True,
        dns=wanted.dns,
        dns_wait=wanted.dns_wait,
    )
    if done.code:
        raise not_issued(wanted, facts, read_failure(done.output, code=done.code), rehearsal=True)


def remember_failure(certbot: Certbot, domain: str, attempts: Attempts, problem: Problem) -> Problem:
    """Record a failure that the CA counts, so that the next attempts wait and are rehearsed.

    Return the problem. If the disk does not take the record, a detail says so.
    """
    if problem.kind in _NOT_COUNTED:
        return problem
    failed = dataclasses.replace(
        attempts,
        failures=attempts.failures + 1,
        last=time_now(),
        retry_after=problem.retry_after,
        error=problem.message,
    )
    try:
        certbot.remember(domain, failed)
    except OSError as error:
        note = f"the failed try could not be recorded, so the next one will not wait: {disk_words(error)}"
        return dataclasses.replace(problem, details=(*problem.details, note))
    return problem


def not_issued(
    wanted: WantedCertificate, facts: Facts | None, problem: Problem, *, rehearsal: bool = False
) -> VsaError:
    """Return the error for a certificate that was not issued: why not, what is served now, and what to do next.

    RolledBackError if it makes sense to try the same again later, RefusedError if the CA has refused.
    """
    label = authority_label(STAGING if rehearsal else wanted.authority)
    details = list(problem.details)
    if rehearsal:
        details.append("this was a rehearsal after an earlier failure: Let's Encrypt itself was not asked")
    kind = RolledBackError if problem.kind in _NOT_REFUSED else RefusedError
    return kind(
        f"{label} gave no certificate for {wanted.domain}: {problem.message}",
        field="domain",
        value=problem.name or wanted.domain,
        state=state_after_failure(facts),
        hint=_hint(wanted, problem),
        details=details,
    )


def _hint(wanted: WantedCertificate, problem: Problem) -> str | Hint:
    wait = "wait"
    if problem.retry_after:
        wait = f"wait until {rfc3339(problem.retry_after)}"
    hints: dict[str, str | Hint] = {
        CHALLENGE: f"point {problem.name or wanted.domain} to this host, open port 80, then try again",
        RATE_LIMIT: f"{wait}, then try again",
        UNREACHABLE: Hint(
            "cert.issue",
            {"domain": wanted.domain},
            note="once the CA answers; a private CA needs ca_bundle in the host's settings",
        ),
        BUSY: "wait for the other run, then try again",
        PLUGIN: Hint(
            "stack.up",
            {"name": "reverse-proxy"},
            note=f"with CERTBOT_IMAGE=certbot/dns-{wanted.dns}:{DEFAULT_VERSION} in env/.env of the stack",
        ),
        DISK: "df -h /srv, make room, then try again",
        NONCE: "try again: the CA does not count this as a failure",
        ACCOUNT: Hint("cert.issue", {"domain": wanted.domain, "force": True}, note="which makes a new account"),
        FORBIDDEN: Hint(
            "cert.issue",
            {"domain": wanted.domain, "force": True, "dns_check": False},
            note="if the CA sees other CAA records than this host; otherwise correct them",
        ),
    }
    return hints.get(problem.kind, _LOGS_HINT)
