# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate in results and in the operator's words.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
from typing import Any

from ..._core.cert.attempts import Attempts
from ..._core.cert.status import Facts, authority_label, judge
from ..._core.errors import NOTHING_CHANGED, RefusedError
from ..._core.forms import SELFSIGNED, STAGING
from ..._core.hints import Hint
from ..._core.result import CHANGED, WOULD_CHANGE, Result, Step
from ..._core.times import rfc3339, time_left
from ..machine.clock import time_now
from .wanted import WantedCertificate

__all__ = (
    "STILL_SERVED",
    "certificate_result",
    "certificate_view",
    "issued_text",
    "state_after_failure",
    "trust_notes",
    "wait_error",
)

STILL_SERVED = "the previous certificate is still served"


def certificate_view(wanted: WantedCertificate, facts: Facts | None) -> dict[str, Any]:
    """Return the key ``certificate`` of a result."""
    status = judge(facts, names=wanted.names, now=time_now())
    return {
        "domain": wanted.domain,
        "names": list(facts.names) if facts else [],
        "ca": wanted.authority,
        "issuer": facts.issuer if facts else None,
        "state": status.state,
        "problem": status.problem,
        "not_after": rfc3339(facts.not_after) if facts else None,
        "seconds_left": status.seconds_left,
        "fraction_left": status.fraction_left,
        "fingerprint": facts.fingerprint if facts else None,
    }


def certificate_result(
    wanted: WantedCertificate,
    facts: Facts | None,
    state: str,
    text: str,
    notes: list[str],
    *,
    changed: bool | None = None,
) -> Result:
    """Return a result about one certificate, with one step. ``changed`` follows from the step's state unless given."""
    if changed is None:
        changed = state in (CHANGED, WOULD_CHANGE)
    step = Step("certificate", state, text, tuple(notes))
    return Result(changed=changed, steps=(step,), data={"certificate": certificate_view(wanted, facts)})


def issued_text(wanted: WantedCertificate, facts: Facts) -> str:
    """Return the issuer, the kind of key and the lifetime of a new certificate, in one line."""
    issuer = authority_label(wanted.authority, facts.issuer)
    lifetime = time_left(round(facts.lifetime.total_seconds())).replace(" d", " days")
    return f"issued by {issuer}, {facts.key}, {lifetime}"


def trust_notes(wanted: WantedCertificate, facts: Facts) -> list[str]:
    """Return a note if browsers will not trust a certificate."""
    if facts.chain_problem and wanted.authority == STAGING:
        return ["a staging certificate: browsers will not trust it"]
    if wanted.authority == SELFSIGNED:
        return ["self-signed: browsers will not trust it"]
    return [facts.chain_problem] if facts.chain_problem else []


def state_after_failure(facts: Facts | None) -> str:
    """Return the state of a host after a failed attempt; ``facts`` are those of the certificate before, if any."""
    return STILL_SERVED if facts else NOTHING_CHANGED


def wait_error(
    domain: str, authority: str, attempts: Attempts, *, until: datetime.datetime | None, state: str
) -> RefusedError:
    """Return the error for a CA that must not be asked before the time ``until``, because earlier attempts failed."""
    return RefusedError(
        f"{authority_label(authority)} is not asked again before {rfc3339(until)}, "
        f"after {attempts.failures} failures in a row",
        field="domain",
        value=domain,
        state=state,
        hint=Hint("cert.issue", {"domain": domain, "ca": "staging"}),
        details=[f"last failure: {attempts.error}"] if attempts.error else [],
    )
