# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renew the certificates that are due, and report those that could not be renewed with the CA's own message.

certbot decides which of its lineages are due (ARI, else the share of the lifetime that is left). Self-signed pairs are
renewed here.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..._core import forms
from ..._core.cert.attempts import renewal_wait
from ..._core.cert.certbot_output import DISK, FORBIDDEN, Problem, read_failure, read_renewals
from ..._core.cert.status import NEEDS_RENEWAL, Facts, authority_of, judge
from ..._core.contradictions import refuse_force_for_all
from ..._core.errors import RefusedError, RolledBackError, VsaError
from ..._core.forms import LETSENCRYPT, SELFSIGNED
from ..._core.hints import Hint
from ..._core.nearest import there_are
from ..._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Result, Step
from ..._core.times import rfc3339, time_left
from ..machine.clock import time_now
from ..machine.disk import disk_errors_refused, disk_words, is_disk_error
from ..machine.docker import Engine
from ..machine.files import write_atomically
from ..machine.resolver import Names
from ..store.cert_options import read_options
from ..store.certificates import Reading, read_pair
from ..store.host import Host
from ..store.layout import Paths
from ..store.lineages import read_lineages
from .ask_ca import forget_failures, not_issued, remember_failure
from .caa import check_caa, resolver_names
from .certbot import Certbot, ask_for_reload
from .selfsigned import make_pair
from .served import serves_lineage, wait_until_served
from .wanted import WantedCertificate
from .words import STILL_SERVED, wait_error

if TYPE_CHECKING:
    from ..._core.run_context import RunContext

__all__ = ("RenewRequest", "renew_certificates")


@dataclass(frozen=True)
class RenewRequest:
    """What the operator asks for with ``vsa cert renew``.

    * ``domain``: the one certificate to renew; None for all that are due.
    * ``force``: renew it even if it is not due; needs a domain.
    * ``prove``: wait until the proxy serves the new certificates.
    * ``run``: the run that asks; None for the timer on the host, which is no run.
    """

    domain: object = None
    force: bool = False
    prove: bool = True
    run: RunContext | None = None


@dataclass(frozen=True)
class _Chosen:
    """The lineages that a run looks at: those of certbot, and the self-signed ones."""

    acme: tuple[str, ...]
    selfsigned: tuple[str, ...]

    def read(self, paths: Paths) -> dict[str, Reading]:
        """Return what the files of each lineage say now."""
        readings = {name: read_pair(paths, name, LETSENCRYPT) for name in self.acme}
        readings.update({name: read_pair(paths, name, SELFSIGNED) for name in self.selfsigned})
        return readings


@dataclass
class _Renewal:
    """One run: the lineages ``before`` and ``after`` it, why some failed, and until when others have to wait."""

    before: dict[str, Reading]
    waiting: dict[str, datetime.datetime]
    after: dict[str, Reading] = field(default_factory=dict)
    failed: dict[str, Problem] = field(default_factory=dict)

    @property
    def renewed(self) -> list[str]:
        """Return the domains that have another certificate now."""
        return sorted(name for name, reading in self.after.items() if self._is_new(name, reading.facts))

    def _is_new(self, name: str, facts: Facts | None) -> bool:
        before = self.before[name].facts
        if facts is None:
            return False
        return before is None or before.fingerprint != facts.fingerprint


def renew_certificates(host: Host, request: RenewRequest, *, check: bool, engine: Engine | None = None) -> Result:
    """Renew what is due.

    RolledBackError if some could not be renewed; the details name each of them. RefusedError if the requested one has
    to wait, or if its CA refuses. A certificate that was not renewed is served as before.
    """
    paths = host.paths
    domain = None if request.domain is None else forms.domain(request.domain)
    refuse_force_for_all(force=request.force, domain=domain)
    chosen = _chosen(host, domain)
    before = chosen.read(paths)
    if check:
        return _check_result(before, _forbidden(paths, chosen.acme, before, request), force=request.force)
    certbot = Certbot(paths, engine=engine)
    work = _Renewal(before, waiting=_waits(certbot, chosen.acme, before))
    if domain in work.waiting:
        authority = authority_of(before[domain].facts)
        attempts = certbot.attempts(domain)
        raise wait_error(domain, authority, attempts, until=work.waiting[domain], state=STILL_SERVED)
    if chosen.acme:
        asked = [name for name in chosen.acme if name not in work.waiting]
        work.failed.update(_forbidden(paths, asked, before, request))
        with disk_errors_refused():
            certbot.trust(host.settings.ca_bundle)
        _renew_acme(certbot, work, chosen.acme, domain=domain, force=request.force)
    _renew_selfsigned(paths, work, chosen.selfsigned, force=request.force)
    work.after = chosen.read(paths)
    for name in work.renewed:
        forget_failures(certbot, name)
    if domain is None:
        _write_last_run(paths, failed=bool(work.failed))
    _note(host, request.run, work.renewed)
    if work.failed:
        raise _failure(work, domain)
    return _result(host, work, prove=request.prove)


def _note(host: Host, run: RunContext | None, renewed: list[str]) -> None:
    """Note the sites whose certificates are new, for the audit trail. The generation of the proxy stays live."""
    if run is not None and renewed:
        # Imported here: the timer on the host, which is no run, has no copy of this file.
        from ..._core.audit.generations import GenerationChange

        run.generations.append(GenerationChange(host.number, host.number, changed=tuple(renewed)))


def _chosen(host: Host, domain: str | None) -> _Chosen:
    """Return the lineages to look at. RefusedError if the host has none of the requested name."""
    lineages = read_lineages(host.paths)
    # A site that changed its kind of CA has a lineage of both kinds; the one that it uses counts.
    both = lineages.acme & lineages.selfsigned
    now_selfsigned = {name for name in both if serves_lineage(host, name, SELFSIGNED)}
    acme = lineages.acme - now_selfsigned
    selfsigned = lineages.selfsigned - (both - now_selfsigned)
    if domain is not None:
        acme, selfsigned = acme & {domain}, selfsigned & {domain}
        if not acme and not selfsigned:
            raise RefusedError(
                "this host has no certificate of this name",
                field="domain",
                value=domain,
                there_are=there_are(domain, lineages.domains),
                hint=Hint("cert.issue", {"domain": domain}),
            )
    return _Chosen(tuple(sorted(acme)), tuple(sorted(selfsigned)))


def _is_due(reading: Reading, now: datetime.datetime) -> bool:
    return judge(reading.facts, names=(), now=now, unreadable=reading.unreadable).state in NEEDS_RENEWAL


def _waits(certbot: Certbot, names: tuple[str, ...], readings: Mapping[str, Reading]) -> dict[str, datetime.datetime]:
    """Return the lineages whose CA must not be asked yet, each with the time from which it may be."""
    found = {}
    for name in names:
        until = renewal_wait(certbot.attempts(name), authority_of(readings[name].facts))
        if until is not None and until > time_now():
            found[name] = until
    return found


def _forbidden(
    paths: Paths, names: Sequence[str], readings: Mapping[str, Reading], request: RenewRequest
) -> dict[str, Problem]:
    """Return the due lineages whose CA may not issue by CAA records, each with the problem. Such a CA is not asked.

    A lineage that is due by the CA's own wish (ARI) alone is not looked up. MissingLibraryError if the host has no
    dnspython; the timer, which nobody reads, renews without a look then.
    """
    now = time_now()
    due = [name for name in names if request.force or _is_due(readings[name], now)]
    dns = None
    if due:
        dns = resolver_names() if request.run is None else Names()
    forbidden: dict[str, Problem] = {}
    if dns is None:
        return forbidden
    for name in due:
        facts = readings[name].facts
        listed = facts.names if facts else (name,)
        by_dns = bool(_saved_plugin(paths, name)) or any(entry.startswith("*.") for entry in listed)
        found = check_caa(paths, dns, listed, authority=authority_of(facts), by_dns=by_dns)
        if found.silent:
            break  # the other lineages would only wait for the same resolvers
        if found.refusals:
            first, *others = [error.message for error in found.refusals]
            forbidden[name] = Problem(FORBIDDEN, f"it was not asked: {first}", name=name, details=tuple(others))
    return forbidden


def _saved_plugin(paths: Paths, name: str) -> str | None:
    """Return the saved DNS plugin of a lineage. Options that cannot be read must not stop a renewal."""
    try:
        return read_options(paths, name).dns
    except VsaError:
        return None


def _renew_acme(certbot: Certbot, work: _Renewal, names: tuple[str, ...], *, domain: str | None, force: bool) -> None:
    """Have certbot renew all lineages in one run; if some must not be asked, the others that are due, one by one."""
    now = time_now()
    runs: list[str | None] = [domain]
    kept_out = {*work.waiting, *work.failed}
    if kept_out:
        due = [name for name in names if force or _is_due(work.before[name], now)]
        runs = [name for name in due if name not in kept_out]
    for name in runs:
        done = certbot.renew(name, force=force)
        failed = read_renewals(done.stdout, done.stderr)
        if done.code and not failed:
            problem = read_failure(done.output, code=done.code)
            failed = dict.fromkeys([name] if name else names, problem)
        for entry, problem in failed.items():
            work.failed[entry] = remember_failure(certbot, entry, certbot.attempts(entry), problem)


def _renew_selfsigned(paths: Paths, work: _Renewal, names: tuple[str, ...], *, force: bool) -> None:
    """Make the pairs that are due anew. A full disk at one of them does not hold up the others."""
    now = time_now()
    for name in names:
        if force or _is_due(work.before[name], now):
            facts = work.before[name].facts
            others = [other for other in (facts.names if facts else ()) if other != name]
            try:
                make_pair(paths.selfsigned, (name, *others), now=now)
                ask_for_reload(paths)
            except OSError as error:
                if not is_disk_error(error):
                    raise
                work.failed[name] = Problem(DISK, f"a file could not be written: {disk_words(error)}", name=name)


def _write_last_run(paths: Paths, *, failed: bool) -> None:
    """Write when the last renewal of all certificates ran and how it ended, as the loop in certbot's container does."""
    text = f"time={rfc3339(time_now())}\nexit={int(failed)}\n"
    with contextlib.suppress(OSError):
        write_atomically(paths.letsencrypt / "vsa-renew.state", text)


def _check_result(readings: Mapping[str, Reading], forbidden: Mapping[str, Problem], *, force: bool) -> Result:
    now = time_now()
    due = [name for name, reading in readings.items() if force or _is_due(reading, now)]
    due = [name for name in due if name not in forbidden]
    notes = tuple(f"{name} would fail: {problem.message}" for name, problem in forbidden.items())
    if not due:
        text = "none would be renewed" if forbidden else "none is due"
        return Result(steps=(Step("renewal", WARNING if notes else OK, text, notes),), data={"renewed": []})
    more = " …" if len(due) > 5 else ""
    step = Step("renewal", WOULD_CHANGE, f"would renew {', '.join(due[:5])}{more}", notes)
    return Result(changed=True, steps=(step,), data={"renewed": due})


def _failure(work: _Renewal, domain: str | None) -> VsaError:
    if domain is not None and domain in work.failed:
        facts = work.before[domain].facts
        wanted = WantedCertificate(names=(domain,), authority=authority_of(facts))
        return not_issued(wanted, facts, work.failed[domain])
    failed = sorted(work.failed.items())
    first, problem = failed[0]
    return RolledBackError(
        f"{len(failed)} of {len(work.before)} certificates could not be renewed: {first}: {problem.message}",
        field="domain",
        value=first,
        state=f"{STILL_SERVED}; renewed: {', '.join(work.renewed) or 'none'}",
        hint=Hint("cert.renew", {"domain": first}, note="after a look at the details"),
        details=[f"{name}: {entry.message}" for name, entry in failed],
    )


def _result(host: Host, work: _Renewal, *, prove: bool) -> Result:
    renewed = work.renewed
    unserved = _unserved(host, work) if prove else {}
    steps = [_renewed_step(name, work.after[name].facts, unserved.get(name)) for name in renewed]
    rest = _rest_step(work)
    if rest is not None:
        steps.append(rest)
    return Result(changed=bool(renewed), steps=tuple(steps), data={"renewed": renewed})


def _unserved(host: Host, work: _Renewal) -> dict[str, str]:
    """Return a message for each new certificate that a site should serve and the proxy does not serve."""
    fingerprints = {}
    for name in work.renewed:
        facts = work.after[name].facts
        if facts and serves_lineage(host, name, SELFSIGNED if facts.self_signed else LETSENCRYPT):
            fingerprints[name] = facts.fingerprint
    return wait_until_served(fingerprints) if fingerprints else {}


def _renewed_step(name: str, facts: Facts | None, unserved: str | None) -> Step:
    text = name
    if facts:
        text = f"{name}: {time_left(round(facts.lifetime.total_seconds()))}, {facts.key}"
    if unserved:
        return Step("renewed", WARNING, text, (unserved,))
    return Step("renewed", CHANGED, text)


def _rest_step(work: _Renewal) -> Step | None:
    """Return the step about the certificates that were not renewed; None if all were renewed."""
    rest = len(work.before) - len(work.renewed) - len(work.waiting)
    notes = tuple(f"{name} has to wait until {rfc3339(until)}" for name, until in sorted(work.waiting.items()))
    if not work.before:
        return Step("renewal", OK, "there is no certificate")
    if not rest and not notes and work.renewed:
        return None
    text = f"{rest} {'is' if rest == 1 else 'are'} not due"
    return Step("renewal", WARNING if notes else OK, text, notes)
