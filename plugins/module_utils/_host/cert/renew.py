# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates renewed where they are due, and those that could not be named with the CA's own words.

certbot decides what is due (ARI, else the share of the lifetime that is left); self-signed pairs are renewed here.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._core import forms
from ..._core.cert.certbot_output import Problem, read_failure, read_renewals
from ..._core.cert.status import (
    DIRECTORIES,
    Attempts,
    Facts,
    authority_label,
    judge,
    renewal_wait,
    rfc3339,
    time_left,
)
from ..._core.contradictions import refuse_force_for_all
from ..._core.errors import RefusedError, RolledBackError
from ..._core.hints import Hint
from ..machine.docker import Engine
from ..machine.files import write_atomically
from ..store.certificates import Reading, read_pair
from ..store.layout import Paths
from ..store.settings import read_settings
from .ask_ca import STATE_KEPT, not_issued, remember_failure
from .certbot import Certbot, ask_for_reload
from .chain import lineage_names
from .selfsigned import make_pair
from .served import serves_lineage, wait_until_served
from .wanted import Wanted, time_now

__all__ = ("renew_certificates",)

_DUE = ("due", "expiring", "expired")


@dataclass
class _Round:
    """What one round found, and what came of it: ``before`` and ``after`` by domain, failures by lineage."""

    before: dict[str, Reading]
    after: dict[str, Reading] = field(default_factory=dict)
    failed: dict[str, Problem] = field(default_factory=dict)
    waiting: dict[str, datetime.datetime] = field(default_factory=dict)

    @property
    def renewed(self) -> list[str]:
        """Return the domains whose certificate is another one now."""
        return sorted(name for name, now in self.after.items() if now.facts and self._is_new(name, now.facts))

    def _is_new(self, name: str, now: Facts) -> bool:
        before = self.before[name].facts
        return before is None or before.fingerprint != now.fingerprint


def _state(reading: Reading, now: datetime.datetime) -> str:
    return judge(reading.facts, names=(), now=now, unreadable=reading.unreadable).state


def _authority(facts: Facts | None) -> str:
    servers = {url: name for name, url in DIRECTORIES.items()}
    server = facts.server if facts else None
    return servers.get(server or "", server or "letsencrypt")


def _chosen(paths: Paths, domain: str | None) -> tuple[list[str], list[str]]:
    """Return the lineages to look at: certbot's, and the self-signed ones."""
    there = lineage_names(paths)
    # Where a site changed from one kind to the other, the one that it serves counts.
    both = there["letsencrypt"] & there["selfsigned"]
    own = {name for name in both if serves_lineage(paths, name, "selfsigned")}
    found = {"acme": there["letsencrypt"] - own, "own": there["selfsigned"] - (both - own)}
    wanted = None if domain is None else {domain}
    acme, selfsigned = (sorted(names if wanted is None else names & wanted) for names in found.values())
    if wanted and not acme and not selfsigned:
        raise RefusedError(
            "this host has no certificate of this name",
            field="domain",
            value=domain,
            there_are=sorted({*there["letsencrypt"], *there["selfsigned"]})[:20],
            hint=Hint("cert.issue", {"domain": domain}),
        )
    return acme, selfsigned


def _waits(certbot: Certbot, names: list[str], readings: Mapping[str, Reading]) -> dict[str, datetime.datetime]:
    """Return the lineages whose CA must not be asked yet, each with when it may be."""
    found = {}
    for name in names:
        until = renewal_wait(certbot.attempts(name), _authority(readings[name].facts))
        if until is not None and until > time_now():
            found[name] = until
    return found


def _ask(certbot: Certbot, work: _Round, names: list[str], *, domain: str | None, force: bool) -> None:
    """Have certbot renew: in one go, or one by one around those that have to wait."""
    now = time_now()
    chosen: list[str | None] = [domain]
    if work.waiting:
        chosen = [name for name in names if name not in work.waiting and _state(work.before[name], now) in _DUE]
    for name in chosen:
        done = certbot.renew(name, force=force)
        failed = read_renewals(done.stdout, done.stderr)
        if done.code and not failed:
            problem = read_failure(done.output, code=done.code)
            failed = dict.fromkeys([name] if name else names, problem)
        work.failed.update(failed)
        for entry, problem in failed.items():
            remember_failure(certbot, entry, certbot.attempts(entry), problem)


def _renew_selfsigned(paths: Paths, work: _Round, names: list[str], *, force: bool) -> None:
    now = time_now()
    for name in names:
        facts = work.before[name].facts
        if force or _state(work.before[name], now) in _DUE:
            others = tuple(other for other in (facts.names if facts else ()) if other != name)
            make_pair(paths.selfsigned, (name, *others), now=now)
            ask_for_reload(paths)


def _would(acme: list[str], own: list[str], readings: Mapping[str, Reading], *, force: bool) -> dict[str, Any]:
    now = time_now()
    due = [name for name in (*acme, *own) if force or _state(readings[name], now) in _DUE]
    text = f"would renew {', '.join(due[:5])}{' …' if len(due) > 5 else ''}" if due else "none is due"
    step: dict[str, Any] = {"name": "renewal", "state": "would_change" if due else "ok", "text": text, "notes": []}
    return {"changed": bool(due), "schema": 1, "renewed": due, "steps": [step]}


def renew_certificates(
    options: Mapping[str, Any], *, check: bool, paths: Paths | None = None, engine: Engine | None = None
) -> dict[str, Any]:
    """Return the result of the module ``cert`` for the action ``renew``.

    Raises RolledBackError if some could not be renewed (the details name those that were), RefusedError if the one
    asked for must wait or its CA would not; whatever was not renewed is served as before.
    """
    paths = paths or Paths()
    domain = None if options.get("domain") is None else forms.domain(options["domain"])
    force = bool(options.get("force"))
    refuse_force_for_all(force=force, domain=domain)
    settings = read_settings(paths)
    acme, own = _chosen(paths, domain)
    readings = {
        name: read_pair(paths, name, kind) for kind, names in (("x", acme), ("selfsigned", own)) for name in names
    }
    if check:
        return _would(acme, own, readings, force=force)
    certbot = Certbot(paths, engine=engine)
    work = _Round(before=readings, waiting=_waits(certbot, acme, readings))
    if domain in work.waiting:
        _must_wait(certbot, domain, _authority(readings[domain].facts), work.waiting[domain])
    if acme:
        certbot.trust(settings.ca_bundle)
        _ask(certbot, work, acme, domain=domain, force=force)
    _renew_selfsigned(paths, work, own, force=force)
    work.after = {
        name: read_pair(paths, name, kind) for kind, names in (("x", acme), ("selfsigned", own)) for name in names
    }
    for name in work.renewed:
        certbot.remember(name, Attempts())
    if domain is None:
        # As the loop in certbot's container writes it: the last round, whoever made it.
        state = f"time={rfc3339(time_now())}\nexit={int(bool(work.failed))}\n"
        with contextlib.suppress(OSError):
            write_atomically(paths.letsencrypt / "vsa-renew.state", state)
    if work.failed:
        _failed(work, domain)
    return _result(paths, work, prove=bool(options.get("prove", True)))


def _must_wait(certbot: Certbot, domain: str, authority: str, until: datetime.datetime) -> None:
    tries = certbot.attempts(domain)
    raise RefusedError(
        f"{authority_label(authority)} is not asked again before {rfc3339(until)}, "
        f"after {tries.failures} failures in a row",
        field="domain",
        value=domain,
        state=STATE_KEPT,
        hint=Hint("cert.issue", {"domain": domain, "ca": "staging"}),
        details=[f"last failure: {tries.error}"] if tries.error else [],
    )


def _failed(work: _Round, domain: str | None) -> None:
    if domain is not None and domain in work.failed:
        facts = work.before[domain].facts
        wanted = Wanted(names=(domain,), authority=_authority(facts))
        not_issued(wanted, facts, work.failed[domain], rehearsal=False)
    first, problem = next(iter(sorted(work.failed.items())))
    raise RolledBackError(
        f"{len(work.failed)} of {len(work.before)} certificates could not be renewed: {first}: {problem.message}",
        field="domain",
        value=first,
        state=f"{STATE_KEPT}; renewed: {', '.join(work.renewed) or 'none'}",
        hint=Hint("cert.renew", {"domain": first}, note="after a look at the details"),
        details=[f"{name}: {entry.message}" for name, entry in sorted(work.failed.items())],
    )


def _result(paths: Paths, work: _Round, *, prove: bool) -> dict[str, Any]:
    renewed = work.renewed
    steps = []
    fresh = {
        name: facts.fingerprint
        for name in renewed
        if (facts := work.after[name].facts) and serves_lineage(paths, name, "selfsigned" if facts.self_signed else "")
    }
    unserved = wait_until_served(fresh) if prove and fresh else {}
    for name in renewed:
        facts = work.after[name].facts
        words = f"{name}: {time_left(round(facts.lifetime.total_seconds()))}, {facts.key}" if facts else name
        note = [unserved[name]] if name in unserved else []
        steps.append({"name": "renewed", "state": "warning" if note else "changed", "text": words, "notes": note})
    rest = len(work.before) - len(renewed) - len(work.waiting)
    waiting = [f"{name} has to wait until {rfc3339(until)}" for name, until in sorted(work.waiting.items())]
    if rest or waiting or not steps:
        text = f"{rest} {'is' if rest == 1 else 'are'} not due" if work.before else "there is no certificate"
        steps.append({"name": "renewal", "state": "warning" if waiting else "ok", "text": text, "notes": waiting})
    return {"changed": bool(renewed), "schema": 1, "renewed": renewed, "steps": steps}
