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
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..._bytecode import Kept
from ..._core.errors import RefusedError, RolledBackError
from ..._core.hints import Hint
from ..._core.proxy.others import notes_of_others
from ..._core.proxy.plan import (
    MAIN,
    Generation,
    Plan,
    make_plan,
    manifest_file,
    overwritten_notes,
    site_of,
    undone_notes,
    unnumber,
)
from ..._core.proxy.render import Renderer
from ..._core.run_context import RunContext
from ..machine.clock import time_now
from ..machine.disk import disk_errors_refused
from ..machine.drafts import clear_drafts
from ..machine.lock import host_lock
from ..store.certificates import certificate_problem
from ..store.generations import Generations, Journal, Record
from ..store.host import Host, read_host
from ..store.layout import Paths
from ..store.passwords import make_missing
from ..store.passwords import missing as missing_users
from .claims import claimed_error, find_claims
from .commit import Commit
from .desired import LAYOUT, build_generation, no_longer_protected, unnamed_removal
from .networks import additions_beyond, undo_networks
from .nginx import AUTH_CONTAINER, Nginx
from .noted import changed_files, noted
from .proving import still_silent
from .staging import NginxRefusedError, Staging
from .tenancy import find_shared, shared_error
from .values import ALLOW, Desired, Outcome, Prepared, Request

if TYPE_CHECKING:
    from .protocols import ProxyEngine, ProxyNginx

__all__ = ("Proxy",)

# How many manifests a sync leaves out because NGINX refuses them. Each costs a test; if NGINX refuses more than these,
# the cause is probably not in the manifests.
_MOST_REFUSED = 10
# So many sites are asked before and after a change of many sites.
_MOST_WATCHED = 50
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
        self._keeper = Kept(str(paths.bytecode))
        self._staging = Staging(paths, self.nginx, self.generations, on_step)
        self._commit = Commit(paths, engine, self.nginx, self.generations, on_step, explain=self._staging.explain)

    # -- what would change ---------------------------------------------------------------------------------------------

    def plan(self, request: Request, host: Host | None = None) -> tuple[Plan, Desired]:
        """Return what a request would change. Touches nothing and needs no lock.

        If an earlier change was cut off, a run repairs that first. So the plan is made for the host after the repair,
        and the first warning says what the run will do.
        """
        present, note = self._after_repair(self._current(host))
        plan, desired = self._plan(request, present)
        if note is not None:
            desired = dataclasses.replace(desired, warnings=(note, *desired.warnings))
        return plan, desired

    def _after_repair(self, host: Host) -> tuple[Host, str | None]:
        """Return the host as ``recover`` would leave it, and what ``recover`` would do; None if nothing waits."""
        journal = self.generations.journal()
        if journal is None:
            return host, None
        record = self.generations.record(journal.to)
        if record is None or not self._would_finish(journal, record):
            base = self.generations.record(journal.base)
            undone = dataclasses.replace(host, number=journal.base, record=base)
            return (
                undone,
                f"generation {journal.to} was cut off: a run takes it back first, to {journal.base}",
            )
        manifests = dict(host.manifests)
        for domain in record.removed:
            manifests.pop(domain, None)
        live = self.generations.read(record.number).files
        manifests.update({domain: live[manifest_file(domain)] for domain in record.changed if domain in record.sites})
        done = dataclasses.replace(host, number=record.number, record=record, manifests=manifests)
        what = f", {record.summary}" if record.summary else ""
        return done, f"generation {journal.to} of {record.verb} was cut off: a run finishes it first{what}"

    def _would_finish(self, journal: Journal, record: Record | None) -> bool:
        """Say whether a commit that was cut off is finished. Otherwise it is rolled back."""
        master = self.nginx.master()
        read_next = self.nginx.next_generation(master) if master is not None else 0
        return record is not None and journal.to in (self.generations.live_number(), read_next)

    def _current(self, host: Host | None) -> Host:
        """Return a host that was read before if it is still current, otherwise read it."""
        if host is not None and host.is_current():
            return host
        return read_host(self.paths, stamped=False)

    def _plan(self, request: Request, host: Host) -> tuple[Plan, Desired]:
        marker = self._marker(host.live)
        settings = request.settings or host.settings
        renderer = Renderer(
            templates=request.templates, settings=settings, layout=LAYOUT, marker=marker, keeper=self._keeper.code
        )
        desired = build_generation(host, request, renderer)
        plan = make_plan(
            host.live,
            desired.files,
            inputs=renderer.inputs,
            marker=marker,
            networks=desired.networks,
            joins=self._missing_joins(desired, [change.domain for change in request.changes]),
        )
        lost = overwritten_notes(host.live, plan.changes)
        if lost:
            desired = dataclasses.replace(desired, warnings=(*desired.warnings, *lost))
        if request.run.verb not in _OWN_UNDONE_NOTES:
            undone = undone_notes(plan.changes, verb=request.run.verb)
            desired = dataclasses.replace(desired, warnings=(*desired.warnings, *undone))
        differing = {site_of(change.name) for change in plan.changes}
        named = [change.domain for change in request.changes if change.domain in differing]
        others = notes_of_others(host.index, named, actor=request.run.actor.displayed, now=time_now())
        return plan, dataclasses.replace(desired, warnings=(*desired.warnings, *others))

    def _marker(self, live: Generation) -> str:
        """Return the key with which VSA visits sites: that of the live generation, unless others could read the key."""
        if live.marker and not self.generations.key_is_open():
            return live.marker
        return secrets.token_hex(16)

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
        with disk_errors_refused():
            self.recover(request.run)
            host = self._current(host)
            prepared = self._prepare(request, host, whole=request.sync)
        if not prepared.number:
            return prepared, None
        settings = request.settings or host.settings
        watched = self._answering(prepared.plan.sites_changed, host.index) if request.watch else []
        with noted(request.run, self.generations.record(prepared.number), prepared.plan.changes):
            outcome = self._commit.run(prepared.number, certificates=prepared.certificates, settings=settings)
        self._watch(watched, prepared.desired, outcome)
        return prepared, outcome

    def _answering(self, domains: Sequence[str], index: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Return those sites that answer now; of many sites every n-th is asked."""
        known = [domain for domain in domains if domain in index]
        if not known or self.nginx.master() is None:
            return []
        interval = max(1, -(-len(known) // _MOST_WATCHED))
        return self.nginx.answering({domain: index[domain] for domain in known[::interval]})

    def _watch(self, watched: Sequence[str], desired: Desired, outcome: Outcome) -> None:
        """Name the sites that answered before the change and do not answer now."""
        if outcome.proven:
            outcome.silent = still_silent(self.nginx, watched, desired.sites)
            outcome.notes += [f"{domain} answered before the change and does not now" for domain in outcome.silent]

    # -- the halves apart: a fleet prepares on every host before it commits on any -------------------------------------

    def prepare(self, request: Request, host: Host | None = None) -> Prepared:
        """Stage and test a generation, and leave it for a commit."""
        with host_lock(self.paths.lock), disk_errors_refused():
            self.recover(request.run)
            return self._prepare(request, self._current(host), whole=True)

    def commit(self, *, base: int, plan_hash: str, run: RunContext | None = None) -> Outcome:
        """Make a prepared generation live. RefusedError if the host changed since it was prepared."""
        with host_lock(self.paths.lock), disk_errors_refused():
            self.recover(run, sweep=False)
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
            record = self.generations.record(number)
            with noted(run, record, changed_files(self.generations, record)):
                return self._commit.run(number)

    def _prepared_number(self, live: int, plan_hash: str) -> int:
        """Return the number of the generation that was prepared for a plan, 0 if there is none."""
        for number in self.generations.numbers():
            record = self.generations.record(number) if number > live else None
            if record is not None and record.plan == plan_hash:
                return number
        return 0

    # -- back to an earlier generation ---------------------------------------------------------------------------------

    def rollback(
        self, number: int | None, run: RunContext, *, removal: str = ALLOW, base: int | None = None
    ) -> tuple[Prepared, Outcome | None]:
        """Make a new generation with the files of an earlier one; None means the one before the live one.

        RefusedError if a live site would go and ``removal`` is not ALLOW, or if ``base`` is not the live generation.
        This reads neither the settings nor the manifests in /etc/vsa: it must work if somebody broke them.
        """
        with host_lock(self.paths.lock), disk_errors_refused():
            self.recover(run)
            plan, desired = self.plan_rollback(number, base=base)
            if not plan.changed:
                return Prepared(plan, desired), None
            if plan.sites_removed and removal != ALLOW:
                raise unnamed_removal(plan.sites_removed, why="the earlier generation does not have them")
            claims = find_claims(self.engine, self.nginx, {name: desired.sites[name] for name in plan.sites_changed})
            if claims:
                raise claimed_error(claims)
            live = self.generations.live_sites()
            shared = find_shared(self.engine, live, desired.sites, plan.sites_changed)
            if shared:
                raise shared_error(shared)
            watched = self._answering(plan.sites_changed, live)
            staged = self._staging.stage(plan, desired.sites, run=run, answering=[])
            with noted(run, self.generations.record(staged), plan.changes):
                outcome = self._commit.run(staged)
            self._watch(watched, desired, outcome)
            return Prepared(plan, desired, staged), outcome

    def rollback_target(self, number: int | None) -> int:
        """Return the generation that a rollback goes back to, 0 if there is none."""
        if number is not None:
            return number
        live = self.generations.live_number()
        return max((kept for kept in self.generations.numbers() if kept < live), default=0)

    def plan_rollback(self, number: int | None, *, base: int | None = None) -> tuple[Plan, Desired]:
        """Return what a rollback would change.

        RefusedError if the generation does not exist, was edited, or needs a certificate or users that are gone, and
        if ``base`` is not the live generation.
        """
        live = self.generations.live_number()
        if base not in (None, live):
            raise RefusedError(
                "this host has changed since it was looked at",
                field="base",
                value=base,
                expected=f"generation {live}",
                hint=Hint("vhost.history"),
            )
        earlier = [kept for kept in self.generations.numbers() if kept < live]
        wanted = self.rollback_target(number)
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
        # The key of an earlier release was open, and never comes back.
        marker = self._marker(live)
        if record.marker:
            files[MAIN] = files[MAIN].replace(record.marker, marker)
        desired = Desired(files, record.sites, parsed={}, warnings=(), invalid=())
        # If the network of a tenant was removed, a site that comes back has to be connected to its containers again.
        returning = [domain for domain in record.sites if domain not in live.domains]
        plan = make_plan(
            live,
            files,
            inputs=record.inputs,
            marker=marker if record.marker else "",
            networks=desired.networks,
            joins=self._missing_joins(desired, returning),
        )
        present = self.generations.record(live.number)
        opened = no_longer_protected(present.sites if present else {}, record.sites)
        notes = (*overwritten_notes(live, plan.changes), *undone_notes(plan.changes), *opened)
        return plan, dataclasses.replace(desired, warnings=notes)

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
        return missing + self._replaced_containers(record)

    def _replaced_containers(self, record: Record) -> list[str]:
        """Return the containers of an earlier generation that are gone, of sites that lead to another container now.

        A rolling update replaces the container of a site, and so does an operator who gives an app another name.
        """
        lines = []
        live = self.generations.live_sites()
        for domain, entry in sorted(record.sites.items()):
            present = live.get(domain, entry)["containers"]
            replaced = [name for name in entry["containers"] if name not in present]
            gone = [name for name in replaced if self.engine.container(name) is None]
            lines += [f"{domain}: the container {name} is gone; {', '.join(present)} took its place" for name in gone]
        return lines

    # -- after a kill --------------------------------------------------------------------------------------------------

    def end_cut_off(self, run: RunContext) -> None:
        """Finish or roll back a transaction that was killed, if there is one. What is live is known only afterwards.

        For a verb that reads the host before it makes its own request.
        """
        if self.generations.journal() is not None:
            with host_lock(self.paths.lock), disk_errors_refused():
                self.recover(run, sweep=False)

    def recover(self, run: RunContext | None = None, *, sweep: bool = True) -> None:
        """Finish or roll back what a killed run left, then remove generations that were never committed.

        What that does to which sites is noted for ``run``.
        """
        journal, damaged = self.generations.journal_for_repair()
        if damaged:
            journal = self._journal_from_live()
        if journal is not None:
            record = self.generations.record(journal.to)
            if record is not None and self._would_finish(journal, record):
                # A generation that cannot be proven is rolled back, as its own run would have done. This run goes on.
                files = changed_files(self.generations, record)
                with suppress(RolledBackError, NginxRefusedError), noted(run, record, files, begun_by=record.audit_id):
                    self._commit.finish(record, journal)
            else:
                files = changed_files(self.generations, record)
                begun_by = record.audit_id if record else None
                with noted(run, record, files, begun_by=begun_by, put_back=True):
                    self._commit.roll_back(journal)
        if sweep:
            self.generations.sweep()
            clear_drafts(self.paths.sites)

    def _journal_from_live(self) -> Journal | None:
        """Return the journal of the commit that a damaged journal told of, None if only its last steps are missing.

        If NGINX reads another generation than ``current`` names, that generation was about to become live. Otherwise
        ``current`` follows the proof, and so only the manifests may still lack the change.
        """
        live = self.generations.live_number()
        master = self.nginx.master()
        read_next = self.nginx.next_generation(master) if master is not None else 0
        if read_next not in (0, live):
            return Journal(base=live, to=read_next)
        record = self.generations.record(live)
        if record is not None:
            undo_networks(self.engine, additions_beyond(self.engine, self.nginx.container(), record))
            self._commit.write_unedited_manifests(record)
        return None

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

        claimed = self._claimed(plan, desired, request, host)
        if claimed:
            # A sync goes on without these sites: their last good version stays live, and the warnings name them.
            return self._stage(dataclasses.replace(request, claimed={**request.claimed, **claimed}), host, whole=whole)
        number = self._staging.stage(
            plan,
            desired.sites,
            run=request.run,
            answering=self._answering_before(request, desired, host),
            meanwhile=check_certificates,
            whole=whole,
        )
        return Prepared(plan, desired, number, problems)

    def _answering_before(self, request: Request, desired: Desired, host: Host) -> list[str]:
        """Return the sites that answer before the change, by the domain that they have after it."""
        was = {domain: request.formerly.get(domain, domain) for domain in request.answering if domain in desired.sites}
        answering = self._answering(list(was.values()), host.index)
        return [domain for domain, before in was.items() if before in answering]

    def _claimed(self, plan: Plan, desired: Desired, request: Request, host: Host) -> dict[str, str]:
        """Return the changed sites whose upstream a foreign container claims or another tenant shares, in words.

        RefusedError unless the change comes from manifests that a sync found.
        """
        closed = {domain for domain, site in desired.parsed.items() if site.maintenance}
        changed = set(plan.sites_changed) - closed - set(request.claimed)
        claims = find_claims(self.engine, self.nginx, {domain: desired.sites[domain] for domain in sorted(changed)})
        if claims and not request.sync:
            raise claimed_error(claims)
        shared = find_shared(self.engine, host.index, desired.sites, set(plan.sites_changed) - set(request.claimed))
        if shared and not request.sync:
            raise shared_error(shared)
        return {
            **{entry.domain: str(entry) for entry in shared},
            **{claim.upstream.domain: str(claim) for claim in claims},
        }

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
