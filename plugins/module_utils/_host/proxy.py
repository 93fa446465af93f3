# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy transaction: stage a generation, test it, switch, reload, prove; and put back what was there on any failure.

One lock per host. A kill at any instant leaves the old or the new generation live, and the next run finishes or takes back
what the journal says was under way. See docs/adr/0002 for why it is so.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._core.errors import InternalError, NotPutBackError, PutBackError, RefusedError, VsaError
from .._core.networks import EDGE, ula_subnet
from .._core.plan import MAIN, Plan, culprit_line, make_plan, manifest_file, site_of, unnumber
from .._core.render import Layout, Renderer
from .._core.settings import Settings
from .certificates import certificate_problem, live_fingerprint
from .desired import Desired, Request, compose, read_settings
from .docker import Engine
from .files import dump_yaml, write_atomically
from .generations import Generations, Journal, Record
from .lock import host_lock
from .nginx import CONTAINER, Nginx
from .paths import CONTAINER_CERTS, CONTAINER_NGINX, CONTAINER_SELFSIGNED, Paths
from .proof import Answer, fetch_site, prove_refused, prove_sites

__all__ = ("Outcome", "Prepared", "Proxy")

_RELOAD_SECONDS = 30.0
_BACKEND_SECONDS = 10.0
_NO_BACKEND = (502, 504)


@dataclass(frozen=True)
class Prepared:
    """A plan, and the number of the generation that was staged and tested for it; 0 where nothing is to be done."""

    plan: Plan
    desired: Desired
    number: int = 0


@dataclass
class Outcome:
    """What a commit did. ``proven`` is false where NGINX does not run and the generation waits for its start."""

    number: int
    base: int
    proven: bool = False
    joined: list[list[str]] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Proxy:
    """The transaction engine of one host.

    ``on_step`` is called with a step's name before each step that leaves a trace: tests kill the process there.
    """

    def __init__(self, engine: Engine, paths: Paths, *, on_step: Callable[[str], None] = lambda step: None) -> None:
        self.paths = paths
        self.engine = engine
        self.nginx = Nginx(engine, paths)
        self.generations = Generations(paths)
        self._on_step = on_step

    # -- reading ------------------------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """Return the host's settings."""
        return read_settings(self.paths)

    def plan(self, request: Request) -> tuple[Plan, Desired]:
        """Return what a request would change; touches nothing and needs no lock."""
        live = self.generations.read(self.generations.live_number())
        record = self.generations.record(live.number)
        settings = self.settings()
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

    # -- the transaction ----------------------------------------------------------------------------------------

    def apply(self, request: Request) -> tuple[Prepared, Outcome | None]:
        """Prepare and commit under one lock; the outcome is None where nothing was to be done."""
        with host_lock(self.paths.lock):
            self.recover()
            prepared = self._prepare(request)
            if not prepared.number:
                return prepared, None
            return prepared, self._commit(prepared.number)

    def prepare(self, request: Request) -> Prepared:
        """Stage and test, and leave the generation for a commit: the first half for a fleet."""
        with host_lock(self.paths.lock):
            self.recover()
            return self._prepare(request)

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
            return self._commit(number)

    def rollback(self, number: int | None, request: Request) -> tuple[Prepared, Outcome | None]:
        """Make an earlier generation's files the newest generation; None means the one before the live one."""
        with host_lock(self.paths.lock):
            self.recover()
            plan, desired = self.plan_rollback(number)
            if not plan.changed:
                return Prepared(plan, desired), None
            prepared = Prepared(plan, desired, self._stage_and_test(plan, desired.sites, request, answering=[]))
            return prepared, self._commit(prepared.number)

    def plan_rollback(self, number: int | None) -> tuple[Plan, Desired]:
        """Return what a rollback would change. RefusedError where the generation is gone, damaged or needs what is gone."""
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
            live = self.generations.live_number()
            record = self.generations.record(journal.to)
            if live == journal.to and record is not None:
                try:
                    self._finish(record, journal)
                except PutBackError:
                    pass  # the killed run's change does not work; what was live before is live again
            else:
                self._undo_effects(journal)
                self.generations.discard(journal.to)
                self.generations.close_journal()
        if sweep:
            self.generations.sweep()

    # -- prepare ------------------------------------------------------------------------------------------------

    def _prepare(self, request: Request) -> Prepared:
        plan, desired = self.plan(request)
        if not plan.changed:
            return Prepared(plan, desired)
        touched = {change.domain for change in request.changes if not change.absent}
        for domain in plan.sites_changed:
            problem = certificate_problem(self.paths, domain, desired.sites[domain]["ca"])
            if problem and domain in touched:
                raise RefusedError(
                    f"the certificate of {domain} cannot be served: {problem}",
                    field="certificate",
                    value=domain,
                    hint=f"vsa cert issue --domain {domain}",
                )
        number = self._stage_and_test(
            plan,
            desired.sites,
            request,
            answering=[domain for domain in request.answering if domain in desired.sites],
        )
        return Prepared(plan, desired, number)

    def _plan_copy(self, record: Record) -> tuple[Plan, Desired]:
        live, old = self.generations.read(self.generations.live_number()), self.generations.read(record.number)
        files = {name: unnumber(text, record.number) if name == MAIN else text for name, text in old.files.items()}
        missing = [
            f"{domain}: {problem}"
            for domain in sorted(record.sites)
            if domain not in live.domains
            and (problem := certificate_problem(self.paths, domain, record.sites[domain]["ca"]))
        ]
        if missing:
            raise RefusedError(
                f"generation {record.number} needs what is no longer there",
                field="to",
                value=record.number,
                details=missing,
            )
        networks = tuple(sorted({EDGE, *(entry["network"] for entry in record.sites.values())}))
        plan = make_plan(live, files, inputs=record.inputs, marker=record.marker, networks=networks)
        return plan, Desired(files=files, sites=record.sites, parsed={}, warnings=(), invalid=())

    def _stage_and_test(
        self, plan: Plan, sites: dict[str, dict[str, Any]], request: Request, *, answering: list[str]
    ) -> int:
        number = self.generations.next_number()
        logs_before = self._log_names()
        self._on_step("stage")
        hashes = self.generations.stage(number, plan)
        try:
            self._on_step("test")
            wrong = self.generations.verify(number, hashes)
            if wrong:
                raise InternalError(f"what was staged is not what was meant: {', '.join(wrong)}")
            self._test(number, plan)
            self._on_step("finish")
            self.generations.finish(
                Record(
                    number=number,
                    base=plan.base,
                    time=datetime.datetime.now(datetime.timezone.utc)
                    .isoformat(timespec="seconds")
                    .replace("+00:00", "Z"),
                    audit_id=request.audit_id,
                    actor=request.actor,
                    verb=request.verb,
                    plan=plan.hash,
                    inputs=plan.inputs,
                    marker=plan.marker,
                    files=hashes,
                    sites=sites,
                    changed=list(plan.sites_changed),
                    removed=list(plan.sites_removed),
                    networks=list(plan.networks),
                    joins=[list(join) for join in plan.joins],
                    answering=answering,
                    summary=plan.summary(),
                )
            )
        except BaseException:
            self.generations.discard(number)
            self._remove_logs(self._log_names() - logs_before)
            raise
        return number

    def _test(self, number: int, plan: Plan) -> None:
        """Let NGINX test a staged generation; RefusedError names the site that it refuses, and the line."""
        result = self.nginx.test(number)
        if result.good:
            return
        domain, line, words = culprit_line(result.output, number)
        if domain is None:
            domain = self._culprit(number, plan)
        place = (
            f"sites/{domain}.conf:{line}" if domain and line else (f"sites/{domain}.conf" if domain else "nginx.conf")
        )
        raise RefusedError(
            f"NGINX refuses {domain or 'the main file'}: {words}",
            field="vhost",
            value=place,
            details=[text for text in result.output.splitlines() if text.strip()][:5],
            hint=f"vsa vhost show {domain}" if domain else None,
        )

    def _culprit(self, number: int, plan: Plan) -> str | None:
        """Test the changed sites one by one beside those that were live, and return the first that is refused."""
        directory = self.generations.directory(number)
        main = (directory / "nginx.conf").read_text(encoding="utf-8")
        include = f"include {CONTAINER_NGINX}/generations/{number}/sites/*.conf;"
        changed = [domain for domain in plan.sites_changed if (directory / f"sites/{domain}.conf").exists()]
        kept = sorted(
            domain
            for name in plan.files
            if name.startswith("sites/") and (domain := site_of(name)) and domain not in changed
        )
        for domain in changed[:50]:
            lines = "\n".join(
                f"include {CONTAINER_NGINX}/generations/{number}/sites/{name}.conf;" for name in (*kept, domain)
            )
            probe = directory / "probe.conf"
            probe.unlink(missing_ok=True)
            probe.write_text(main.replace(include, lines), encoding="utf-8")
            good = self.nginx.test(number, main="probe.conf").good
            probe.unlink()
            if not good:
                return domain
        return None

    # -- commit -------------------------------------------------------------------------------------------------

    def _commit(self, number: int) -> Outcome:
        record = self.generations.record(number)
        if record is None:
            raise InternalError(f"generation {number} was never finished")
        wrong = self.generations.verify(number, record.files)
        if wrong:
            self.generations.discard(number)
            raise RefusedError(f"generation {number} was changed after its test", field="file", value=", ".join(wrong))
        journal = self._intended_effects(record)
        self._on_step("journal")
        self.generations.write_journal(journal)
        try:
            self._on_step("effects")
            self._make_effects(record, journal)
            self._on_step("switch")
            self.generations.switch(number)
        except BaseException as error:
            self._take_back(record, journal, str(error))
            raise
        return self._finish(record, journal)

    def _intended_effects(self, record: Record) -> Journal:
        proxy = self.nginx.container()
        attached = []
        if proxy is not None and proxy.running:
            attached = [name for name in record.networks if name not in proxy.networks]
        return Journal(
            base=record.base,
            to=record.number,
            networks=[name for name in record.networks if self.engine.network(name) is None],
            attached=attached,
            joined=record.joins,
        )

    def _make_effects(self, record: Record, journal: Journal) -> None:
        for name in journal.networks:
            self.engine.ensure_network(name, subnet6=ula_subnet(name), labels={"vsa.edge": "1"})
        for name in journal.attached:
            self.engine.connect(name, CONTAINER)
        for network, container in journal.joined:
            self.engine.connect(network, container)

    def _undo_effects(self, journal: Journal) -> None:
        for network, container in journal.joined:
            self.engine.disconnect(network, container)
        for name in journal.attached:
            self.engine.disconnect(name, CONTAINER)
        for name in journal.networks:
            self.engine.remove_network(name)

    def _finish(self, record: Record, journal: Journal) -> Outcome:
        """Reload and prove a generation that is switched to; make it whole, or put the base back and say so."""
        outcome = Outcome(number=record.number, base=record.base, joined=journal.joined)
        try:
            problems = self._reload_and_prove(record, outcome)
        except BaseException as error:
            self._take_back(record, journal, str(error))
            raise
        if problems:
            self._take_back(record, journal, problems[0])
            raise PutBackError(
                problems[0],
                field="generation",
                value=record.number,
                state=self._state_after_put_back(record),
                details=problems[1:6],
            )
        self._on_step("manifests")
        self._write_manifests(record)
        self._write_override(record)
        self._on_step("close")
        self.generations.close_journal()
        self.generations.prune()
        for domain in record.removed:
            outcome.notes.append(f"{domain} is refused now")
        return outcome

    def _reload_and_prove(self, record: Record, outcome: Outcome) -> list[str]:
        master = self.nginx.master()
        if master is None:
            outcome.notes.append("NGINX is not running: the generation was tested apart and is live at its next start")
            return []
        before = {worker.pid for worker in self.nginx.workers(master) if worker.accepting}
        if self.nginx.generation(master) == record.number:
            before = set()  # a killed run reloaded already
        else:
            ended = self.nginx.make_room(master)
            if ended:
                outcome.notes.append(f"{ended} workers of an older reload were ended to keep memory bounded")
            offset = self.nginx.error_log_size()
            self._on_step("reload")
            self.nginx.reload(master)
            self._on_step("prove")
            problems = self.nginx.wait_for_generation(
                master, record.number, before=before, log_offset=offset, timeout=_RELOAD_SECONDS
            )
            if problems:
                return [f"NGINX did not take generation {record.number}: {problems[0]}", *problems[1:]]
        problems = self._prove_sites(record, outcome)
        outcome.proven = not problems
        return problems

    def _prove_sites(self, record: Record, outcome: Outcome) -> list[str]:
        proxy = self.nginx.container()
        address = next((end.address for end in proxy.networks.values() if end.address), "") if proxy else ""
        wanted = {}
        for domain in record.changed:
            authority = record.sites[domain]["ca"]
            problem = certificate_problem(self.paths, domain, authority)
            if problem:
                outcome.notes.append(f"{domain} is not proven: {problem}")
            else:
                wanted[domain] = live_fingerprint(self.paths, domain, authority)
        problems = prove_sites(wanted, address=address, marker=record.marker, generation=record.number)
        claimed = {name for entry in record.sites.values() for name in entry["names"]}
        problems += [
            wrong
            for domain in record.removed
            if domain not in claimed and (wrong := prove_refused(domain, address=address))
        ]
        if problems:
            return problems
        for domain in record.answering:
            answer = outcome.answers[domain] = self.fetch(domain, record.sites[domain])
            if answer.status in _NO_BACKEND:
                return [f"https://{domain}/ answers {answer.status}, though its container answered before the change"]
        return []

    def fetch(self, domain: str, entry: dict[str, Any], *, address: str = "127.0.0.1") -> Answer:
        """Fetch a site's first path as a client would; a 502 or 504 right after a reload gets time to resolve its name."""
        settings = self.settings()
        bundle = Path(settings.ca_bundle) if settings.ca_bundle else None
        deadline = time.monotonic() + _BACKEND_SECONDS
        while True:
            answer = fetch_site(
                domain,
                path=entry.get("path", "/"),
                address=address,
                ca_bundle=bundle,
                verify=entry["ca"] != "selfsigned",
            )
            if answer.status not in _NO_BACKEND or time.monotonic() > deadline:
                return answer
            time.sleep(0.2)

    # -- putting back -------------------------------------------------------------------------------------------

    def _state_after_put_back(self, record: Record) -> str:
        return f"put back: generation {record.base} is live" if record.base else "put back: no generation is live"

    def _take_back(self, record: Record, journal: Journal, reason: str) -> None:
        """Make the base live again, take effects back, and forget the generation. NotPutBackError where that fails."""
        try:
            switched = self.generations.live_number() == record.number
            if switched:
                self.generations.switch(record.base)
            master = self.nginx.master()
            if switched and master is not None and record.base:
                before = {worker.pid for worker in self.nginx.workers(master) if worker.accepting}
                offset = self.nginx.error_log_size()
                if self.nginx.generation(master) == record.base:
                    before = set()
                else:
                    self.nginx.make_room(master)
                    self.nginx.reload(master)
                problems = self.nginx.wait_for_generation(
                    master, record.base, before=before, log_offset=offset, timeout=_RELOAD_SECONDS
                )
                if problems:
                    raise NotPutBackError(problems[0])
            self._undo_effects(journal)
            base = self.generations.record(record.base)
            known = set(base.sites) if base else set()
            self._remove_logs({f"{domain}.access.log" for domain in record.changed if domain not in known})
            self.generations.discard(record.number)
            self.generations.close_journal()
        except (VsaError, OSError) as error:
            raise NotPutBackError(
                f"{reason}; and putting generation {record.base} back failed: {error}",
                field="generation",
                value=record.number,
                state=f"current points to generation {self.generations.live_number()}, NGINX may serve another one",
                hint="vsa vhost sync",
            ) from error

    # -- small effects ------------------------------------------------------------------------------------------

    def _log_names(self) -> set[str]:
        try:
            return {entry.name for entry in self.paths.logs.iterdir()}
        except FileNotFoundError:
            return set()

    def _remove_logs(self, names: set[str]) -> None:
        for name in names:
            if name.endswith(".access.log"):
                (self.paths.logs / name).unlink(missing_ok=True)

    def _write_manifests(self, record: Record) -> None:
        """Bring the manifests on disk to what the generation says of the sites that it changed."""
        new, old = self.generations.read(record.number), self.generations.read(record.base)
        for name in sorted({*new.files, *old.files}):
            domain = site_of(name)
            if domain is None or name != manifest_file(domain) or new.files.get(name) == old.files.get(name):
                continue
            path = self.paths.sites / f"{domain}.yml"
            text = new.files.get(name)
            if text is None:
                path.unlink(missing_ok=True)
            else:
                write_atomically(path, text, mode=0o644)

    def _write_override(self, record: Record) -> None:
        """Write the tenants' networks for Compose, so that a recreated proxy joins them again."""
        tenants = [name for name in record.networks if name != EDGE]
        if not tenants:
            self.paths.override.unlink(missing_ok=True)
            return
        text = "# Written by vsa: the tenants' edge networks, for when the proxy is recreated.\n" + dump_yaml(
            {
                "services": {"nginx": {"networks": {name: {} for name in tenants}}},
                "networks": {name: {"external": True} for name in tenants},
            }
        )
        write_atomically(self.paths.override, text, mode=0o644)
