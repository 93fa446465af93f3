# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy transaction: plan, stage and test a generation, then switch, reload and prove; roll back if that fails.

One lock per host, held from recover() to the end of the commit. commit.py explains what a kill leaves, and who repairs
it; docs/adr/0002 explains why it is built like that.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from ..._core.errors import RefusedError, RolledBackError
from ..._core.hints import Hint
from ..._core.proxy.plan import MAIN, Plan, make_plan, undone_notes, unnumber
from ..._core.proxy.render import Renderer
from ..._core.run_context import RunContext
from ..machine.lock import host_lock
from ..store.certificates import certificate_problem
from ..store.generations import Generations, Record
from ..store.host import Host, read_host
from ..store.layout import Paths
from ..store.passwords import make_missing
from ..store.passwords import missing as missing_users
from .commit import Commit
from .desired import LAYOUT, build_generation, no_longer_protected
from .nginx import AUTH_CONTAINER, Nginx
from .staging import NginxRefusedError, Staging
from .values import Desired, Outcome, Prepared, Request

if TYPE_CHECKING:
    from .protocols import ProxyEngine, ProxyNginx

__all__ = ("Proxy",)

# How many manifests a sync leaves out because NGINX refuses them. Each costs a test; if NGINX refuses more than these,
# the cause is probably not in the manifests.
_MOST_REFUSED = 10
# These verbs tell the operator in their own words that the next `vsa site apply` undoes a change.
_OWN_UNDONE_NOTES = ("site.apply", "site.unprovision")


class Proxy:
    """The transaction engine of one host.

    * ``nginx`` and ``engine`` may be fakes, see protocols.py.
    * ``on_step`` is called with a step's name before each step that leaves a trace: tests kill the process there.

    A verb that has read the host before (for a preflight, say) hands its Host over. The transaction uses it if nothing
    changed in the meantime; otherwise, or without one, it reads the host itself, once and under the lock.
    """

    def __init__(
        self,
        engine: ProxyEngine,
        paths: Paths,
        *,
        nginx: ProxyNginx | None = None,
        on_step: Callable[[str], None] = lambda step: None,
    ) -> None:
        self.paths = paths
        self.engine = engine
        self.nginx: ProxyNginx = nginx or Nginx(engine, paths)
        self.generations = Generations(paths)
        self._staging = Staging(paths, self.nginx, self.generations, on_step)
        self._commit = Commit(paths, engine, self.nginx, self.generations, on_step)

    # -- what would change ---------------------------------------------------------------------------------------------

    def plan(self, request: Request, host: Host | None = None) -> tuple[Plan, Desired]:
        """Return what a request would change. Touches nothing and needs no lock."""
        return self._plan(request, self._current(host))

    def _current(self, host: Host | None) -> Host:
        """Return a host that was read before if it is still current, otherwise read it."""
        if host is not None and host.is_current():
            return host
        return read_host(self.paths)

    def _plan(self, request: Request, host: Host) -> tuple[Plan, Desired]:
        marker = host.live.marker or secrets.token_hex(16)
        settings = request.settings or host.settings
        renderer = Renderer(templates=request.templates, settings=settings, layout=LAYOUT, marker=marker)
        desired = build_generation(host, request, renderer)
        plan = make_plan(
            host.live,
            desired.files,
            inputs=renderer.inputs,
            marker=marker,
            networks=desired.networks,
            joins=self._missing_joins(desired, [change.domain for change in request.changes]),
        )
        if request.run.verb not in _OWN_UNDONE_NOTES:
            undone = undone_notes(plan.changes, verb=request.run.verb)
            desired = dataclasses.replace(desired, warnings=(*desired.warnings, *undone))
        return plan, desired

    def _missing_joins(self, desired: Desired, domains: list[str]) -> tuple[tuple[str, str], ...]:
        """Return (network, container) of each running container of these sites that is not on its site's network."""
        joins = []
        for domain in domains:
            entry = desired.sites.get(domain)
            if entry is None:
                continue
            for name in entry["containers"]:
                found = self.engine.container(name)
                if found and found.running and entry["network"] not in found.networks:
                    joins.append((entry["network"], name))
        return tuple(dict.fromkeys(joins))

    # -- both halves in one run ----------------------------------------------------------------------------------------

    def apply(self, request: Request, host: Host | None = None) -> tuple[Prepared, Outcome | None]:
        """Prepare and commit under one lock. The outcome is None if nothing had to change."""
        with host_lock(self.paths.lock):
            return self.apply_locked(request, host)

    def apply_locked(self, request: Request, host: Host | None = None) -> tuple[Prepared, Outcome | None]:
        """Prepare and commit; the caller holds the host's lock."""
        self.recover()
        host = self._current(host)
        prepared = self._prepare(request, host, whole=request.sync)
        if not prepared.number:
            return prepared, None
        settings = request.settings or host.settings
        return prepared, self._commit.run(prepared.number, certificates=prepared.certificates, settings=settings)

    # -- the halves apart: a fleet prepares on every host before it commits on any -------------------------------------

    def prepare(self, request: Request, host: Host | None = None) -> Prepared:
        """Stage and test a generation, and leave it for a commit."""
        with host_lock(self.paths.lock):
            self.recover()
            return self._prepare(request, self._current(host), whole=True)

    def commit(self, *, base: int, plan_hash: str) -> Outcome:
        """Make a prepared generation live. RefusedError if the host changed since it was prepared."""
        with host_lock(self.paths.lock):
            self.recover(sweep=False)
            live = self.generations.live_number()
            number = self._prepared_number(live, plan_hash)
            if live != base or not number:
                raise RefusedError(
                    "the plan is stale: this host has changed since it was prepared",
                    field="base",
                    value=base,
                    expected=f"generation {live} with a plan prepared on it",
                    hint="run the same verb again",
                )
            return self._commit.run(number)

    def _prepared_number(self, live: int, plan_hash: str) -> int:
        """Return the number of the generation that was prepared for a plan, 0 if there is none."""
        for number in self.generations.numbers():
            record = self.generations.record(number) if number > live else None
            if record is not None and record.plan == plan_hash:
                return number
        return 0

    # -- back to an earlier generation ---------------------------------------------------------------------------------

    def rollback(self, number: int | None, run: RunContext) -> tuple[Prepared, Outcome | None]:
        """Make a new generation with the files of an earlier one; None means the one before the live one.

        This reads neither the settings nor the manifests in /etc/vsa: it must work if somebody broke them.
        """
        with host_lock(self.paths.lock):
            self.recover()
            plan, desired = self.plan_rollback(number)
            if not plan.changed:
                return Prepared(plan, desired), None
            staged = self._staging.stage(plan, desired.sites, run=run, answering=[])
            return Prepared(plan, desired, staged), self._commit.run(staged)

    def plan_rollback(self, number: int | None) -> tuple[Plan, Desired]:
        """Return what a rollback would change.

        RefusedError if the generation does not exist, was edited, or needs a certificate or users that are gone.
        """
        live = self.generations.live_number()
        earlier = [kept for kept in self.generations.numbers() if kept < live]
        wanted = number
        if wanted is None:
            wanted = earlier[-1] if earlier else 0
        record = self.generations.record(wanted)
        if wanted not in earlier or record is None:
            raise RefusedError(
                "there is no such earlier generation",
                field="to",
                value=wanted or "the one before",
                there_are=[str(kept) for kept in earlier],
                hint=Hint("vhost.history"),
            )
        edited = self.generations.verify(wanted, record.files)
        if edited:
            raise RefusedError(
                f"generation {wanted} was changed by hand since", field="to", value=wanted, details=edited
            )
        return self._plan_copy(record)

    def _plan_copy(self, record: Record) -> tuple[Plan, Desired]:
        """Return the plan of a new generation with the files of an earlier one."""
        live = self.generations.read(self.generations.live_number())
        old = self.generations.read(record.number)
        missing = self._missing_for(record, set(live.domains))
        if missing:
            raise RefusedError(
                f"generation {record.number} needs what is no longer there",
                field="to",
                value=record.number,
                details=missing,
            )
        files = dict(old.files)
        files[MAIN] = unnumber(files[MAIN], record.number)
        desired = Desired(files, record.sites, parsed={}, warnings=(), invalid=())
        # If the network of a tenant was removed, a site that comes back has to be connected to its containers again.
        returning = [domain for domain in record.sites if domain not in live.domains]
        plan = make_plan(
            live,
            files,
            inputs=record.inputs,
            marker=record.marker,
            networks=desired.networks,
            joins=self._missing_joins(desired, returning),
        )
        present = self.generations.record(live.number)
        opened = no_longer_protected(present.sites if present else {}, record.sites)
        return plan, dataclasses.replace(desired, warnings=(*undone_notes(plan.changes), *opened))

    def _missing_for(self, record: Record, live: set[str]) -> list[str]:
        """Return what an earlier generation needs and the host no longer has: certificates and users."""
        missing = []
        for domain, entry in sorted(record.sites.items()):
            problem = None if domain in live else certificate_problem(self.paths, domain, entry["ca"])
            if problem:
                missing.append(f"{domain}: {problem}")
        for domain, entry in sorted(record.sites.items()):
            gone = missing_users(self.paths, domain, entry.get("auth") or ())
            missing += [f"{domain}: the users of {path} were removed" for path in gone]
        return missing

    # -- after a kill --------------------------------------------------------------------------------------------------

    def recover(self, *, sweep: bool = True) -> None:
        """Finish or roll back what a killed run left, then remove generations that were never committed."""
        journal = self.generations.journal()
        if journal is not None:
            master = self.nginx.master()
            read_next = self.nginx.next_generation(master) if master is not None else 0
            record = self.generations.record(journal.to)
            if record is not None and journal.to in (self.generations.live_number(), read_next):
                # A generation that cannot be proven is rolled back, as its own run would have done. This run goes on.
                with suppress(RolledBackError):
                    self._commit.finish(record, journal)
            else:
                self._commit.roll_back(journal)
        if sweep:
            self.generations.sweep()

    # -- the first half ------------------------------------------------------------------------------------------------

    def _prepare(self, request: Request, host: Host, *, whole: bool) -> Prepared:
        """Stage and test; a sync leaves out manifests that NGINX refuses: their last good version stays live."""
        while True:
            try:
                return self._stage(request, host, whole=whole)
            except NginxRefusedError as error:
                known = error.domain is None or error.domain in request.refused
                if not request.sync or known or len(request.refused) >= _MOST_REFUSED:
                    raise
                refused = {**request.refused, str(error.domain): error.output}
                request = dataclasses.replace(request, refused=refused)

    def _stage(self, request: Request, host: Host, *, whole: bool) -> Prepared:
        plan, desired = self._plan(request, host)
        if not plan.changed:
            return Prepared(plan, desired)
        requested = {change.domain for change in request.changes if not change.absent}
        self._make_password_files(desired, requested)
        problems: dict[str, str | None] = {}

        def check_certificates() -> None:
            for domain in plan.sites_changed:
                problem = problems[domain] = certificate_problem(self.paths, domain, desired.sites[domain]["ca"])
                if problem and domain in requested:
                    raise RefusedError(
                        f"the certificate of {domain} cannot be served: {problem}",
                        field="certificate",
                        value=domain,
                        hint=Hint("cert.issue", {"domain": domain}),
                    )

        number = self._staging.stage(
            plan,
            desired.sites,
            run=request.run,
            answering=[domain for domain in request.answering if domain in desired.sites],
            meanwhile=check_certificates,
            whole=whole,
        )
        return Prepared(plan, desired, number, problems)

    def _make_password_files(self, desired: Desired, requested: set[str]) -> None:
        """Make an empty password file for each protected path that has none: without a file the path answers 503.

        RefusedError if a requested site has a protected path and the container that checks passwords does not exist.
        """
        for domain, entry in desired.sites.items():
            if not entry.get("auth"):
                continue
            if domain in requested and self.engine.container(AUTH_CONTAINER) is None:
                raise RefusedError(
                    f"the reverse proxy of this host has no container {AUTH_CONTAINER} yet, which checks passwords",
                    field="auth",
                    value=domain,
                    hint=Hint("stack.up", {"name": "reverse-proxy"}),
                )
            make_missing(self.paths, domain, entry["auth"])
