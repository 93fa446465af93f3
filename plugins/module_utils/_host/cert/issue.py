# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's certificate: kept where it is good, else issued, checked and handed to NGINX's workers.

A try that fails leaves what there was, and says what the CA said.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, NoReturn

from ..._core.cert.status import (
    Attempts,
    Decision,
    Facts,
    authority_label,
    directory_url,
    judge,
    rfc3339,
    should_issue,
    time_left,
)
from ..._core.errors import NOTHING_CHANGED, NotRolledBackError, RefusedError
from ..._core.hints import Hint
from ..machine.docker import Engine
from ..store.cert_options import write_note
from ..store.certificates import certificate_directory
from ..store.layout import Paths
from .ask_ca import STATE_KEPT, ask_ca
from .certbot import Certbot, ask_for_reload
from .chain import read_lineage, trust
from .clock_check import refuse_wrong_clock
from .selfsigned import make_pair
from .served import serves_lineage, wait_until_served
from .wanted import (
    Wanted,
    certificate_result,
    issued_words,
    refuse_missing_credentials,
    set_rights_of,
    time_now,
    trust_notes,
    wanted_certificate,
    wrong_rights,
)

__all__ = ("bring_certificate", "kept_certificate")


def _decide(
    wanted: Wanted, paths: Paths, certbot: Certbot | None, *, client: ssl.SSLContext, force: bool = False
) -> tuple[Facts | None, Attempts, Decision]:
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
    return reading.facts, attempts, decision


def kept_certificate(options: Mapping[str, Any], *, paths: Paths) -> dict[str, Any] | None:
    """Return the result of the module ``cert`` where the certificate is good as it lies, None where it would act.

    A provision that changes nothing asks this first, and is spared the start of that module.
    """
    wanted = wanted_certificate(options, paths)
    certbot = Certbot(paths) if wanted.authority != "selfsigned" else None
    facts, _attempts, decision = _decide(wanted, paths, certbot, client=trust(wanted.ca_bundle))
    if decision.action != "keep" or wrong_rights(paths, wanted):
        return None
    return certificate_result(wanted, facts, "ok", decision.reason, trust_notes(wanted, facts) if facts else [])


def bring_certificate(
    options: Mapping[str, Any], *, check: bool, paths: Paths | None = None, engine: Engine | None = None
) -> dict[str, Any]:
    """Return the result of the module ``cert``.

    RefusedError if the CA refuses or must not be asked now, RolledBackError if it could not be asked; what there was is
    then as it was.
    """
    paths = paths or Paths()
    wanted = wanted_certificate(options, paths)
    client = trust(wanted.ca_bundle)
    certbot = Certbot(paths, engine=engine) if wanted.authority != "selfsigned" else None
    facts, attempts, decision = _decide(wanted, paths, certbot, client=client, force=options["force"])
    if decision.action == "wait":
        _must_wait(wanted, facts, attempts, decision)
    if decision.action == "keep":
        rights = False if check else set_rights_of(paths, wanted)
        noted = False if check else write_note(paths, wanted.domain, wanted.note)
        notes = trust_notes(wanted, facts) if facts else []
        done = [*(["made readable for NGINX"] if rights else ()), *(["its names were noted"] if noted else ())]
        return certificate_result(
            wanted, facts, "changed" if done else "ok", ", ".join([decision.reason, *done]), notes
        )
    refuse_missing_credentials(paths, wanted)
    if check:
        issuer = authority_label(wanted.authority)
        return certificate_result(wanted, facts, "would_change", f"would be issued by {issuer}: {decision.reason}", [])
    if certbot is None:
        make_pair(paths.selfsigned, wanted.names, now=time_now())
        note = None
        if facts is not None:
            ask_for_reload(paths)
    else:
        refuse_wrong_clock(
            directory_url(wanted.authority),
            trust(wanted.ca_bundle, names=True),
            now=time_now(),
            domain=wanted.domain,
            state=STATE_KEPT if facts else NOTHING_CHANGED,
        )
        note = ask_ca(certbot, wanted, decision, attempts, facts)
    fresh = read_lineage(paths, wanted.domain, wanted.authority, client=client).facts
    result = _checked(paths, wanted, facts, fresh, note=note, prove=options["prove"])
    write_note(paths, wanted.domain, wanted.note)
    return result


def _must_wait(wanted: Wanted, facts: Facts | None, attempts: Attempts, decision: Decision) -> NoReturn:
    label = authority_label(wanted.authority)
    raise RefusedError(
        f"{label} is not asked again before {rfc3339(decision.until)}, after {attempts.failures} failures in a row",
        field="domain",
        value=wanted.domain,
        state=STATE_KEPT if facts else NOTHING_CHANGED,
        hint=Hint("cert.issue", {"domain": wanted.domain, "ca": "staging"}),
        details=[f"last failure: {attempts.error}"] if attempts.error else [],
    )


def _checked(
    paths: Paths, wanted: Wanted, before: Facts | None, fresh: Facts | None, *, note: str | None, prove: bool
) -> dict[str, Any]:
    """Verify what was issued, hand it to NGINX's workers and see it served where an older one was."""
    if fresh is None:
        raise NotRolledBackError(
            "the CA says that it issued a certificate, but there is none to be read",
            field="domain",
            value=wanted.domain,
            state="there is no certificate that could be served",
            hint=Hint("cert.issue", {"domain": wanted.domain, "force": True}),
        )
    verdict = judge(fresh, names=wanted.names, now=time_now())
    if verdict.state in ("mismatch", "expired"):
        raise NotRolledBackError(
            f"the certificate that was issued cannot be served: {verdict.problem}",
            field="domain",
            value=wanted.domain,
            state=f"it lies in {certificate_directory(paths, wanted.domain, wanted.authority)}",
            hint=Hint("cert.issue", {"domain": wanted.domain, "force": True}),
        )
    set_rights_of(paths, wanted)
    notes = [*([note] if note else []), *trust_notes(wanted, fresh)]
    if before is not None and before.fingerprint == fresh.fingerprint:
        share = round(100 * (verdict.fraction_left or 0))
        text = f"valid for {time_left(verdict.seconds_left or 0)} ({share} %)"
        return certificate_result(wanted, fresh, "ok", text, notes)
    proves = prove and before is not None and serves_lineage(paths, wanted.domain, wanted.authority)
    unserved = wait_until_served({wanted.domain: fresh.fingerprint}) if proves else {}
    if unserved:
        words = [*notes, *unserved.values()]
        return certificate_result(wanted, fresh, "warning", issued_words(wanted, fresh), words) | {"changed": True}
    return certificate_result(wanted, fresh, "changed", issued_words(wanted, fresh), notes)
