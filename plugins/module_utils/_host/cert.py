# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's certificate: kept where it is good, else issued, checked and handed to NGINX's workers.

A try that fails leaves what there was, and says what the CA said.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from .._core import forms
from .._core.certbot_output import Problem, not_due, read_failure
from .._core.certificate import (
    DIRECTORIES,
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
from .._core.errors import NotPutBackError, PutBackError, RefusedError
from .certbot import Certbot, ask_for_reload
from .certificates import certificate_directory
from .desired import read_manifest, read_settings
from .docker import Engine
from .lineages import read_facts, served, trust
from .paths import Paths
from .selfsigned import make_pair

__all__ = ("bring_certificate", "kept_certificate")

_STATE_KEPT = "the certificate of before is still served"
_KEYS_GROUP = 101
# How long a renewed certificate may take until the proxy serves it: the reloader looks every two seconds, but reloads
# once a minute at the most; NGINX's own cache of certificates is believed for 30 seconds.
_SERVED_WITHIN = 40.0


@dataclass(frozen=True)
class _Wanted:
    names: tuple[str, ...]
    authority: str
    email: str | None
    ca_bundle: str | None

    @property
    def domain(self) -> str:
        return self.names[0]


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def _wanted(options: Mapping[str, Any], paths: Paths) -> _Wanted:
    domain = forms.domain(options["domain"])
    settings = read_settings(paths)
    manifest: Mapping[str, Any] = read_manifest(paths, domain) or {}
    names = options["names"] or [domain, *(manifest.get("aliases") or ())]
    validated = tuple(dict.fromkeys(forms.domain(name, field=f"names/{number}") for number, name in enumerate(names)))
    if domain not in validated:
        raise RefusedError("the names of a certificate include the domain", field="names", value=", ".join(validated))
    email = options["email"] or manifest.get("email") or settings.email
    return _Wanted(
        names=(domain, *(name for name in validated if name != domain)),
        authority=forms.ca(options["ca"] or manifest.get("ca") or settings.ca),
        email=None if email is None else forms.email(email),
        ca_bundle=settings.ca_bundle,
    )


def _payload(wanted: _Wanted, facts: Facts | None) -> dict[str, Any]:
    verdict = judge(facts, names=wanted.names, now=_now())
    return {
        "domain": wanted.domain,
        "names": list(facts.names) if facts else [],
        "ca": wanted.authority,
        "issuer": facts.issuer if facts else None,
        "state": verdict.state,
        "problem": verdict.problem,
        "not_after": rfc3339(facts.not_after) if facts else None,
        "seconds_left": verdict.seconds_left,
        "fraction_left": verdict.fraction_left,
        "fingerprint": facts.fingerprint if facts else None,
    }


def _result(wanted: _Wanted, facts: Facts | None, state: str, text: str, notes: list[str]) -> dict[str, Any]:
    return {
        "changed": state in ("changed", "would_change"),
        "schema": 1,
        "certificate": _payload(wanted, facts),
        "steps": [{"name": "certificate", "state": state, "text": text, "notes": notes}],
    }


def _issued(wanted: _Wanted, facts: Facts) -> str:
    issuer = authority_label(wanted.authority, facts.issuer)
    return f"issued by {issuer}, {facts.key}, {time_left(round(facts.lifetime.total_seconds())).replace(' d', ' days')}"


def _notes(wanted: _Wanted, facts: Facts) -> list[str]:
    if facts.chain_problem and wanted.authority == "staging":
        return ["a staging certificate: browsers will not trust it"]
    if wanted.authority == "selfsigned":
        return ["self-signed: browsers will not trust it"]
    return [facts.chain_problem] if facts.chain_problem else []


def _wrong_rights(paths: Paths, wanted: _Wanted) -> list[tuple[Path, int]]:
    """Return what has not the owner or mode with which NGINX's workers, and nobody else, can read the pair."""
    directory = certificate_directory(paths, wanted.domain, wanted.authority)
    top = paths.selfsigned if wanted.authority == "selfsigned" else paths.letsencrypt
    targets = {top: 0o750, directory.parent: 0o750, directory: 0o750}
    for name, mode in (("fullchain.pem", 0o644), ("privkey.pem", 0o640)):
        file = (directory / name).resolve()
        # A restored link that leads out of the tree is left alone: NGINX could not follow it either.
        if top.resolve() in file.parents and file.exists():
            targets[file] = mode
            targets.update({parent: 0o750 for parent in file.parents if top.resolve() in parent.parents})
    return [
        (target, mode)
        for target, mode in targets.items()
        if ((found := target.stat()).st_uid, found.st_gid, found.st_mode & 0o7777) != (0, _KEYS_GROUP, mode)
    ]


def _set_rights(paths: Paths, wanted: _Wanted) -> bool:
    """Let NGINX's workers read the pair, and nobody else the key. Returns whether something was changed."""
    wrong = _wrong_rights(paths, wanted)
    for target, mode in wrong:
        os.chown(target, 0, _KEYS_GROUP)
        os.chmod(target, mode)
    return bool(wrong)


def _decide(
    wanted: _Wanted, paths: Paths, certbot: Certbot | None, *, client: ssl.SSLContext, force: bool = False
) -> tuple[Facts | None, Attempts, Decision]:
    facts = read_facts(paths, wanted.domain, wanted.authority, client=client)
    attempts = certbot.attempts(wanted.domain) if certbot else Attempts()
    decision = should_issue(
        facts, names=wanted.names, authority=wanted.authority, attempts=attempts, now=_now(), force=force
    )
    return facts, attempts, decision


def kept_certificate(options: Mapping[str, Any], *, paths: Paths) -> dict[str, Any] | None:
    """Return the result of the module ``cert`` where the certificate is good as it lies, None where it would act.

    A provision that changes nothing asks this first, and is spared the start of that module.
    """
    wanted = _wanted(options, paths)
    certbot = Certbot(paths) if wanted.authority != "selfsigned" else None
    facts, _attempts, decision = _decide(wanted, paths, certbot, client=trust(wanted.ca_bundle))
    if decision.action != "keep" or _wrong_rights(paths, wanted):
        return None
    return _result(wanted, facts, "ok", decision.reason, _notes(wanted, facts) if facts else [])


def bring_certificate(
    options: Mapping[str, Any], *, check: bool, paths: Paths | None = None, engine: Engine | None = None
) -> dict[str, Any]:
    """Return the result of the module ``cert``.

    RefusedError where the CA would not or must not be asked now, PutBackError where it could not be; what there was is
    then as it was.
    """
    paths = paths or Paths()
    wanted = _wanted(options, paths)
    client = trust(wanted.ca_bundle)
    certbot = Certbot(paths, engine=engine) if wanted.authority != "selfsigned" else None
    facts, attempts, decision = _decide(wanted, paths, certbot, client=client, force=options["force"])
    if decision.action == "wait":
        _must_wait(wanted, facts, attempts, decision)
    if decision.action == "keep":
        rights = False if check else _set_rights(paths, wanted)
        notes = _notes(wanted, facts) if facts else []
        text = f"{decision.reason}, made readable for NGINX" if rights else decision.reason
        return _result(wanted, facts, "changed" if rights else "ok", text, notes)
    if check:
        issuer = authority_label(wanted.authority)
        return _result(wanted, facts, "would_change", f"would be issued by {issuer}: {decision.reason}", [])
    if certbot is None:
        make_pair(paths.selfsigned, wanted.names, now=_now())
        note = None
        if facts is not None:
            ask_for_reload(paths)
    else:
        note = _ask_ca(certbot, wanted, decision, attempts, facts)
    fresh = read_facts(paths, wanted.domain, wanted.authority, client=client)
    return _checked(paths, wanted, facts, fresh, note=note, prove=options["prove"])


def _must_wait(wanted: _Wanted, facts: Facts | None, attempts: Attempts, decision: Decision) -> NoReturn:
    label = authority_label(wanted.authority)
    raise RefusedError(
        f"{label} is not asked again before {rfc3339(decision.until)}, after {attempts.failures} failures in a row",
        field="domain",
        value=wanted.domain,
        state=_STATE_KEPT if facts else "nothing was changed",
        hint=f"vsa cert issue --domain {wanted.domain} --ca staging",
        details=[f"last failure: {attempts.error}"] if attempts.error else [],
    )


def _ask_ca(
    certbot: Certbot, wanted: _Wanted, decision: Decision, attempts: Attempts, facts: Facts | None
) -> str | None:
    """Have the certificate issued; returns a note for the operator."""
    certbot.trust(wanted.ca_bundle)
    if decision.rehearse:
        rehearsed = certbot.issue(wanted.names, server=DIRECTORIES["staging"], email=wanted.email, rehearse=True)
        if rehearsed.code:
            _failed(wanted, facts, read_failure(rehearsed.output, code=rehearsed.code), rehearsal=True)
    with certbot.set_aside(wanted.domain):
        done = certbot.issue(
            wanted.names,
            server=directory_url(wanted.authority),
            email=wanted.email,
            fresh=decision.fresh,
            # The first certificate of a site is loaded by the transaction that adds the site.
            reload=facts is not None,
        )
        if done.code:
            problem = read_failure(done.output, code=done.code)
            _remember(certbot, wanted, attempts, problem)
            _failed(wanted, facts, problem, rehearsal=False)
    certbot.remember(wanted.domain, Attempts())
    if not_due(done.output):
        return "the CA says that it is not due yet"
    return "rehearsed at the staging CA first" if decision.rehearse else None


def _remember(certbot: Certbot, wanted: _Wanted, attempts: Attempts, problem: Problem) -> None:
    if problem.kind in ("unreachable", "busy"):
        return  # the CA counted nothing
    certbot.remember(
        wanted.domain,
        dataclasses.replace(
            attempts,
            failures=attempts.failures + 1,
            last=_now(),
            retry_after=problem.retry_after,
            error=problem.message,
        ),
    )


def _failed(wanted: _Wanted, facts: Facts | None, problem: Problem, *, rehearsal: bool) -> NoReturn:
    label = authority_label("staging" if rehearsal else wanted.authority)
    details = list(problem.details)
    if rehearsal:
        details.append("this was a rehearsal after an earlier failure: Let's Encrypt itself was not asked")
    hints = {
        "challenge": f"let {problem.name or wanted.domain} lead to this host on port 80, then try again",
        "rate_limit": f"wait until {rfc3339(problem.retry_after)}" if problem.retry_after else "wait, then try again",
        "unreachable": "vsa cert issue again once the CA answers; a private CA needs ca_bundle in the host's settings",
        "busy": "wait for the other run, then try again",
    }
    kind = PutBackError if problem.kind in ("unreachable", "other") else RefusedError
    raise kind(
        f"{label} gave no certificate for {wanted.domain}: {problem.message}",
        field="domain",
        value=problem.name or wanted.domain,
        state=_STATE_KEPT if facts else "nothing was changed",
        hint=hints.get(problem.kind, "docker logs vsa-certbot, and /srv/platform/reverse-proxy/logs/certbot"),
        details=details,
    )


def _checked(
    paths: Paths, wanted: _Wanted, before: Facts | None, fresh: Facts | None, *, note: str | None, prove: bool
) -> dict[str, Any]:
    """Verify what was issued, hand it to NGINX's workers and see it served where an older one was."""
    if fresh is None:
        raise NotPutBackError(
            "the CA says that it issued a certificate, but there is none to be read",
            field="domain",
            value=wanted.domain,
            state="there is no certificate that could be served",
            hint=f"vsa cert issue --domain {wanted.domain} --force",
        )
    verdict = judge(fresh, names=wanted.names, now=_now())
    if verdict.state in ("mismatch", "expired"):
        raise NotPutBackError(
            f"the certificate that was issued cannot be served: {verdict.problem}",
            field="domain",
            value=wanted.domain,
            state=f"it lies in {certificate_directory(paths, wanted.domain, wanted.authority)}",
            hint=f"vsa cert issue --domain {wanted.domain} --force",
        )
    _set_rights(paths, wanted)
    notes = [*([note] if note else []), *_notes(wanted, fresh)]
    if before is not None and before.fingerprint == fresh.fingerprint:
        share = round(100 * (verdict.fraction_left or 0))
        text = f"valid for {time_left(verdict.seconds_left or 0)} ({share} %)"
        return _result(wanted, fresh, "ok", text, notes)
    if prove and before is not None and (unserved := _not_served(wanted, before)):
        return _result(wanted, fresh, "warning", _issued(wanted, fresh), [*notes, unserved]) | {"changed": True}
    return _result(wanted, fresh, "changed", _issued(wanted, fresh), notes)


def _not_served(wanted: _Wanted, before: Facts) -> str | None:
    """Wait until the proxy serves the fresh certificate, if it served the one of before. Returns what is wrong."""
    deadline = time.monotonic() + _SERVED_WITHIN
    while True:
        now = served([wanted.domain])[wanted.domain]
        if now.fingerprint != before.fingerprint:
            return None
        if time.monotonic() > deadline:
            return (
                f"after {_SERVED_WITHIN:.0f} s the proxy still serves the certificate of before: docker logs vsa-nginx"
            )
        time.sleep(0.5)
