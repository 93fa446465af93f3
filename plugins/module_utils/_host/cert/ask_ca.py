# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA asked for a certificate, once: what came of it, and what is remembered where it failed.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from typing import NoReturn

from ..._core.cert.certbot_output import Problem, not_due, read_failure
from ..._core.cert.status import DIRECTORIES, Attempts, Decision, Facts, authority_label, directory_url, rfc3339
from ..._core.errors import RefusedError, RolledBackError
from ..._core.hints import Hint
from .certbot import Certbot
from .wanted import Wanted, time_now

__all__ = ("STATE_KEPT", "ask_ca", "not_issued", "remember_failure")

STATE_KEPT = "the certificate of before is still served"


def ask_ca(certbot: Certbot, wanted: Wanted, decision: Decision, attempts: Attempts, facts: Facts | None) -> str | None:
    """Have the certificate issued; returns a note for the operator.

    Raises RefusedError or RolledBackError with the CA's own words. Let's Encrypt is asked once at the most.
    """
    certbot.trust(wanted.ca_bundle)
    if decision.rehearse:
        rehearsed = certbot.issue(
            wanted.names,
            server=DIRECTORIES["staging"],
            email=wanted.email,
            rehearse=True,
            dns=wanted.dns,
            dns_wait=wanted.dns_wait,
        )
        if rehearsed.code:
            not_issued(wanted, facts, read_failure(rehearsed.output, code=rehearsed.code), rehearsal=True)
    usable = certbot.usable(wanted.domain)
    with certbot.set_aside(wanted.domain):
        done = certbot.issue(
            wanted.names,
            server=directory_url(wanted.authority),
            email=wanted.email,
            fresh=decision.fresh,
            # The first certificate of a site is loaded by the transaction that adds the site.
            reload=facts is not None or not usable,
            dns=wanted.dns,
            dns_wait=wanted.dns_wait,
        )
        if done.code:
            problem = read_failure(done.output, code=done.code)
            remember_failure(certbot, wanted.domain, attempts, problem)
            not_issued(wanted, facts, problem, rehearsal=False)
    certbot.remember(wanted.domain, Attempts())
    if not_due(done.output):
        return "the CA says that it is not due yet"
    return "rehearsed at the staging CA first" if decision.rehearse else None


def remember_failure(certbot: Certbot, domain: str, attempts: Attempts, problem: Problem) -> None:
    """Write down a failure that the CA counted, so that the next tries wait and are rehearsed."""
    if problem.kind in ("unreachable", "busy", "plugin", "disk", "nonce", "account"):
        return  # the CA counted nothing
    certbot.remember(
        domain,
        dataclasses.replace(
            attempts,
            failures=attempts.failures + 1,
            last=time_now(),
            retry_after=problem.retry_after,
            error=problem.message,
        ),
    )


def not_issued(wanted: Wanted, facts: Facts | None, problem: Problem, *, rehearsal: bool) -> NoReturn:
    """Raise the error that says why a CA gave no certificate, and what is served now."""
    label = authority_label("staging" if rehearsal else wanted.authority)
    details = list(problem.details)
    if rehearsal:
        details.append("this was a rehearsal after an earlier failure: Let's Encrypt itself was not asked")
    hints: dict[str, str | Hint] = {
        "challenge": f"let {problem.name or wanted.domain} lead to this host on port 80, then try again",
        "rate_limit": f"wait until {rfc3339(problem.retry_after)}" if problem.retry_after else "wait, then try again",
        "unreachable": Hint(
            "cert.issue",
            {"domain": wanted.domain},
            note="once the CA answers; a private CA needs ca_bundle in the host's settings",
        ),
        "busy": "wait for the other run, then try again",
        "plugin": Hint(
            "stack.up",
            {"name": "reverse-proxy"},
            note=f"with CERTBOT_IMAGE=certbot/dns-{wanted.dns}:v5.5.0 in env/.env of the stack",
        ),
        "disk": "df -h /srv, make room, then try again",
        "nonce": "try again: the CA counts no failure for it",
        "account": Hint("cert.issue", {"domain": wanted.domain, "force": True}, note="which makes a new account"),
    }
    kind = RolledBackError if problem.kind in ("unreachable", "other", "disk", "nonce", "account") else RefusedError
    raise kind(
        f"{label} gave no certificate for {wanted.domain}: {problem.message}",
        field="domain",
        value=problem.name or wanted.domain,
        state=STATE_KEPT if facts else "nothing was changed",
        hint=hints.get(problem.kind, "docker logs vsa-certbot, and /srv/platform/reverse-proxy/logs/certbot"),
        details=details,
    )
