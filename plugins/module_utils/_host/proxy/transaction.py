# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy transaction: stage a generation, test it, switch, reload, prove; and roll back on any
failure.

One lock per host. A kill at any instant leaves the old or the new generation live, and the next run finishes or takes
back what the journal says was under way. See docs/adr/0002 for why it is so.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from ..._core.errors import RefusedError, RolledBackError
from ..._core.networks import EDGE
from ..._core.proxy.plan import MAIN, Plan, make_plan, unnumber
from ..._core.proxy.render import Layout, Renderer
from ..._core.site.declared import undone_notes
from ..machine.docker import Engine
from ..machine.lock import host_lock
from ..store.certificates import certificate_problem
from ..store.generations import Generations, Record
from ..store.layout import CONTAINER_CERTS, CONTAINER_NGINX, CONTAINER_SELFSIGNED, Paths
from ..store.passwords import make_missing
from ..store.passwords import missing as missing_users
from ..store.settings import read_settings
from .commit import Commit, Outcome
from .desired import Desired, Request, compose, opened
from .nginx import AUTH_CONTAINER, Nginx
from .staging import NginxRefusedError, Staging

__all__ = ("Prepared", "Proxy")

# Each costs a test by NGINX; where more manifests than these are refused the cause is not in them.
_MOST_HELD = 10


@dataclass(frozen=True)
class Prepared:
    """A plan, and the number of the generation that was staged and tested for it; 0 where nothing is to be done.

    ``certificates`` says what is wrong with those of the changed sites, None where they were not looked at.
    """

    plan: Plan
    desired: Desired
    number: int = 0
    certificates: Mapping[str, str | None] | None = None


def _origin(request: Request) -> dict[str, str]:
    return {"audit_id": request.audit_id, "actor": request.actor, "verb": request.verb}


class Proxy:
    """The transaction engine of one host.

    ``on_step`` is called with a step's name before each step that leaves a trace: tests kill the process there.
    """

    def __init__(self, engine: Engine, paths: Paths, *, on_step: Callable[[str], None] = lambda step: None) -> None:
        self.paths = paths
        self.engine = engine
        self.nginx = Nginx(engine, paths)
        self.generations = Generations(paths)
        self._staging = Staging(paths, self.nginx, self.generations, on_step)
        self._commit = Commit(paths, engine, self.nginx, self.generations, on_step)

    def plan(self, request: Request) -> tuple[Plan, Desired]:
        """Return what a request would change; touches nothing and needs no lock."""
        number = self.generations.live_number()
        record = self.generations.record(number)
        live = self.generations.read_with(number, record)
        settings = request.settings or read_settings(self.paths)
        marker = live.marker or secrets.token_hex(16)
        renderer = Renderer(
            templates=request.templates,
            settings=settings,
            layout=Layout(root=CONTAINER_NGINX, letsencrypt=CONTAINER_CERTS, selfsigned=CONTAINER_SELFSIGNED),
            marker=marker,
        )
        desired = compose(self.paths, live, record.sites if record else {}, request, renderer, settings)
        joins = self._missing_joins(desired, tuple(change.domain for change in request.changes))
        plan = make_plan(
            live, desired.files, inputs=renderer.inputs, marker=marker, networks=desired.networks, joins=joins
        )
        if request.verb not in ("site.apply", "site.unprovision"):  # these say it in words of their own
            undone = undone_notes(plan.changes, verb=request.verb)
            desired = dataclasses.replace(desired, warnings=(*desired.warnings, *undone))
        return plan, desired

    def _missing_joins(self, desired: Desired, domains: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        joins = []
        for domain in domains:
            entry = desired.sites.get(domain)
            for name in entry["containers"] if entry else ():
                found = self.engine.container(name)
                if found and found.running and entry and entry["network"] not in found.networks:
                    joins.append((entry["network"], name))
        return tuple(dict.fromkeys(joins))

    def apply(self, request: Request) -> tuple[Prepared, Outcome | None]:
        """Prepare and commit under one lock; the outcome is None where nothing was to be done."""
        with host_lock(self.paths.lock):
            return self.apply_locked(request)

    def apply_locked(self, request: Request) -> tuple[Prepared, Outcome | None]:
        """Prepare and commit; the caller holds the host's lock."""
        self.recover()
        prepared = self._prepare_sync(request) if request.sync else self._prepare(request, whole=False)
        if not prepared.number:
            return prepared, None
        return prepared, self._commit.run(prepared.number, checked=prepared.certificates)

    def prepare(self, request: Request) -> Prepared:
        """Stage and test, and leave the generation for a commit: the first half for a fleet."""
        with host_lock(self.paths.lock):
            self.recover()
            return self._prepare_sync(request) if request.sync else self._prepare(request)

    def commit(self, *, base: int, plan_hash: str) -> Outcome:
        """Make a prepared generation live: the second half. RefusedError where base or plan have moved since."""
        with host_lock(self.paths.lock):
            self.recover(sweep=False)
            live = self.generations.live_number()
            number = next(
                (
                    number
                    for number in self.generations.numbers()
                    if number > live and (record := self.generations.record(number)) and record.plan == plan_hash
                ),
                0,
            )
            if live != base or not number:
                raise RefusedError(
                    "the plan is stale: this host has changed since it was prepared",
                    field="base",
                    value=base,
                    expected=f"generation {live} with a plan prepared on it",
                    hint="run the same verb again",
                )
            return self._commit.run(number)

    def rollback(self, number: int | None, request: Request) -> tuple[Prepared, Outcome | None]:
        """Make an earlier generation's files the newest generation; None means the one before the live one."""
        with host_lock(self.paths.lock):
            self.recover()
            plan, desired = self.plan_rollback(number)
            if not plan.changed:
                return Prepared(plan, desired), None
            prepared = Prepared(
                plan, desired, self._staging.stage(plan, desired.sites, origin=_origin(request), answering=[])
            )
            return prepared, self._commit.run(prepared.number)

    def plan_rollback(self, number: int | None) -> tuple[Plan, Desired]:
        """Return what a rollback would change. RefusedError when the generation is gone, damaged or lacks something."""
        live = self.generations.live_number()
        earlier = [kept for kept in self.generations.numbers() if kept < live]
        wanted = number if number is not None else (earlier[-1] if earlier else 0)
        record = self.generations.record(wanted)
        if wanted not in earlier or record is None:
            raise RefusedError(
                "there is no such earlier generation",
                field="to",
                value=wanted or "the one before",
                there_are=[str(kept) for kept in earlier],
                hint="vsa vhost history",
            )
        damaged = self.generations.verify(wanted, record.files)
        if damaged:
            raise RefusedError(
                f"generation {wanted} was changed by hand since", field="to", value=wanted, details=damaged
            )
        return self._plan_copy(record)

    def recover(self, *, sweep: bool = True) -> None:
        """Finish or take back what a killed run left, then sweep away what was never committed."""
        journal = self.generations.journal()
        if journal is not None:
            master = self.nginx.master()
            reads = self.nginx.reads(master) if master is not None else 0
            record = self.generations.record(journal.to)
            if journal.to in (self.generations.live_number(), reads) and record is not None:
                # A change that does not work is taken back, as its own run would have done; this run goes on.
                with suppress(RolledBackError):
                    self._commit.finish(record, journal)
            else:
                self._commit.take_back(journal)
        if sweep:
            self.generations.sweep()

    def _prepare_sync(self, request: Request) -> Prepared:
        """Prepare what the manifests say; one that NGINX refuses keeps its last good version, and blocks nobody."""
        while True:
            try:
                return self._prepare(request)
            except NginxRefusedError as error:
                if error.domain is None or error.domain in request.held or len(request.held) >= _MOST_HELD:
                    raise
                request = dataclasses.replace(request, held={**request.held, error.domain: error.words})

    def _prepare(self, request: Request, *, whole: bool = True) -> Prepared:
        plan, desired = self.plan(request)
        if not plan.changed:
            return Prepared(plan, desired)
        touched = {change.domain for change in request.changes if not change.absent}
        for domain, entry in desired.sites.items():
            if entry.get("auth"):
                if domain in touched:
                    self._refuse_without_auth(domain)
                # A path without its file would only answer 503: an empty one locks it just as well, and says so.
                make_missing(self.paths, domain, entry["auth"])
        problems: dict[str, str | None] = {}

        def check_certificates() -> None:
            for domain in plan.sites_changed:
                problem = problems[domain] = certificate_problem(self.paths, domain, desired.sites[domain]["ca"])
                if problem and domain in touched:
                    raise RefusedError(
                        f"the certificate of {domain} cannot be served: {problem}",
                        field="certificate",
                        value=domain,
                        hint=f"vsa cert issue --domain {domain}",
                    )

        number = self._staging.stage(
            plan,
            desired.sites,
            origin=_origin(request),
            answering=[domain for domain in request.answering if domain in desired.sites],
            meanwhile=check_certificates,
            whole=whole,
        )
        return Prepared(plan, desired, number, problems)

    def _refuse_without_auth(self, domain: str) -> None:
        if self.engine.container(AUTH_CONTAINER) is None:
            raise RefusedError(
                f"the reverse proxy of this host has no container {AUTH_CONTAINER} yet, which checks passwords",
                field="auth",
                value=domain,
                hint="vsa stack up reverse-proxy",
            )

    def _plan_copy(self, record: Record) -> tuple[Plan, Desired]:
        live, old = self.generations.read(self.generations.live_number()), self.generations.read(record.number)
        files = {name: unnumber(text, record.number) if name == MAIN else text for name, text in old.files.items()}
        missing = [
            f"{domain}: {problem}"
            for domain in sorted(record.sites)
            if domain not in live.domains
            and (problem := certificate_problem(self.paths, domain, record.sites[domain]["ca"]))
        ]
        missing += [
            f"{domain}: the users of {protected} were removed"
            for domain, entry in sorted(record.sites.items())
            for protected in missing_users(self.paths, domain, entry.get("auth") or ())
        ]
        if missing:
            raise RefusedError(
                f"generation {record.number} needs what is no longer there",
                field="to",
                value=record.number,
                details=missing,
            )
        networks = tuple(sorted({EDGE, *(entry["network"] for entry in record.sites.values())}))
        desired = Desired(files, record.sites, parsed={}, warnings=(), invalid=())
        # A site that comes back finds its containers again, also where its tenant's network had gone with it.
        back = tuple(domain for domain in record.sites if domain not in live.domains)
        joins = self._missing_joins(desired, back)
        plan = make_plan(live, files, inputs=record.inputs, marker=record.marker, networks=networks, joins=joins)
        present = self.generations.record(live.number)
        warnings = (*undone_notes(plan.changes), *opened(present.sites if present else {}, record.sites))
        return plan, dataclasses.replace(desired, warnings=warnings)
