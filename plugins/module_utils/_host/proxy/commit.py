# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second half of the transaction: switch to a tested generation, reload, prove; or roll back.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..._core.errors import InternalError, NotRolledBackError, RefusedError, RolledBackError, VsaError
from ..._core.networks import EDGE, ula_subnet
from ..._core.proxy.plan import culprit_line, manifest_file, site_of
from ..machine.docker import Engine
from ..machine.files import dump_yaml, read_text, write_atomically
from ..store.access_logs import remove_logs
from ..store.certificates import certificate_problem, live_fingerprint
from ..store.generations import Generations, Journal, Record
from ..store.layout import Paths
from ..store.settings import read_settings
from .networks import leave_edges
from .nginx import CONTAINER, Nginx
from .probe import Answer, fetch_site, prove_closed, prove_refused, prove_sites, serving

__all__ = ("Commit", "Outcome", "fetch")

_RELOAD_SECONDS = 30.0
_BACKEND_SECONDS = 10.0
# A little more than keepalive_min_timeout of nginx.conf.
_IDLE_SECONDS = 3.5
_NO_BACKEND = (502, 504)
# How many neighbours of a removed site are asked, before and after: each costs two handshakes.
_MOST_NEIGHBOURS = 50


@dataclass
class Outcome:
    """What a commit did. ``proven`` is false where NGINX does not run and the generation waits for its start."""

    number: int
    base: int
    proven: bool = False
    joined: list[list[str]] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    neighbours: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def fetch(paths: Paths, domain: str, entry: Mapping[str, Any], *, address: str = "127.0.0.1") -> Answer:
    """Fetch a site's first path as a client would; a 502 or 504 right after a reload gets time to resolve its name."""
    settings = read_settings(paths)
    bundle = Path(settings.ca_bundle) if settings.ca_bundle else None
    deadline = time.monotonic() + _BACKEND_SECONDS
    while True:
        answer = fetch_site(
            entry.get("served", domain),
            path=entry.get("path", "/"),
            address=address,
            ca_bundle=bundle,
            verify=entry["ca"] != "selfsigned",
        )
        if answer.status not in _NO_BACKEND or time.monotonic() > deadline:
            return answer
        time.sleep(0.2)


def _state_after_roll_back(record: Record) -> str:
    return f"rolled back: generation {record.base} is live" if record.base else "rolled back: no generation is live"


class Commit:
    """Makes generations live on one host. All of it runs under the host's lock."""

    def __init__(
        self,
        paths: Paths,
        engine: Engine,
        nginx: Nginx,
        generations: Generations,
        on_step: Callable[[str], None],
    ) -> None:
        self._paths = paths
        self._engine = engine
        self._nginx = nginx
        self._generations = generations
        self._on_step = on_step
        self._checked: Mapping[str, str | None] = {}

    def run(self, number: int, *, checked: Mapping[str, str | None] | None = None) -> Outcome:
        """Commit a tested generation. RolledBackError when it is not proven, NotRolledBackError when that fails too.

        ``checked`` is given where the same run, under the same lock, has just staged and verified it: what is wrong
        with the certificate of each of its changed sites.
        """
        record = self._generations.record(number)
        if record is None:
            raise InternalError(f"generation {number} was never finished")
        self._checked = checked or {}
        wrong = self._generations.verify(number, record.files) if checked is None else []
        if wrong:
            self._generations.discard(number)
            raise RefusedError(f"generation {number} was changed after its test", field="file", value=", ".join(wrong))
        neighbours = self._neighbours(record)
        journal = self._intended_effects(record)
        self._on_step("journal")
        self._generations.write_journal(journal)
        try:
            self._on_step("effects")
            self._make_effects(journal)
        except BaseException as error:
            self._take_back(record, journal, str(error))
            raise
        return self.finish(record, journal, neighbours=neighbours)

    def _address(self) -> str:
        proxy = self._nginx.container()
        return next((end.address for end in proxy.networks.values() if end.address), "") if proxy else ""

    def _neighbours(self, record: Record) -> list[str]:
        """Return sites beside those that are removed that serve now, spread evenly where they are many."""
        if not record.removed or self._nginx.master() is None:
            return []
        others = [domain for domain in sorted(record.sites) if domain not in record.changed]
        asked = others[:: max(1, -(-len(others) // _MOST_NEIGHBOURS))]
        return serving(asked, address=self._address(), marker=record.marker, generation=record.base, sites=record.sites)

    def _intended_effects(self, record: Record) -> Journal:
        proxy = self._nginx.container()
        attached = []
        if proxy is not None and proxy.running:
            attached = [name for name in record.networks if name not in proxy.networks]
        return Journal(
            base=record.base,
            to=record.number,
            networks=[name for name in record.networks if self._engine.network(name) is None],
            attached=attached,
            joined=record.joins,
        )

    def _make_effects(self, journal: Journal) -> None:
        for name in journal.networks:
            self._engine.ensure_network(name, subnet6=ula_subnet(name), labels={"vsa.edge": "1"})
        for name in journal.attached:
            self._engine.connect(name, CONTAINER)
        for network, container in journal.joined:
            self._engine.connect(network, container)

    def undo_effects(self, journal: Journal) -> None:
        """Take back what a commit added to the engine."""
        for network, container in journal.joined:
            self._engine.disconnect(network, container)
        for name in journal.attached:
            self._engine.disconnect(name, CONTAINER)
        for name in journal.networks:
            self._engine.remove_network(name)

    def finish(self, record: Record, journal: Journal, *, neighbours: list[str] | None = None) -> Outcome:
        """Let NGINX serve a generation and prove it; make it the one to start with, or put the base back and say so.

        ``neighbours`` are sites that served before and must serve afterwards. NGINX reads a link of its own, so until
        the proof is there whatever starts NGINX anew starts the base.
        """
        outcome = Outcome(number=record.number, base=record.base, joined=journal.joined, neighbours=neighbours or [])
        try:
            problems = self._reload_and_prove(record, outcome)
        except BaseException as error:
            self._take_back(record, journal, str(error))
            raise
        if problems:
            self._take_back(record, journal, problems[0])
            raise RolledBackError(
                problems[0],
                field="generation",
                value=record.number,
                state=_state_after_roll_back(record),
                details=problems[1:6],
            )
        self._on_step("keep")
        if self._generations.live_number() != record.number:
            self._generations.switch(record.number)
        self._on_step("manifests")
        self._write_manifests(record)
        self._write_override(record)
        outcome.notes += leave_edges(self._engine, record, self._generations.record(record.base))
        self._on_step("close")
        self._generations.close_journal()
        self._generations.prune()
        if outcome.proven:
            outcome.notes += [f"{domain} is refused now" for domain in record.removed]
        return outcome

    def _reload_and_prove(self, record: Record, outcome: Outcome) -> list[str]:
        master = self._nginx.master()
        if master is None:
            problems = self._keep_for_the_start(record)
            master = self._nginx.master()
            if problems:
                return problems
            if master is None:
                outcome.notes.append(
                    "NGINX is not running: the generation was tested apart and is live at its next start"
                )
                return []
        before = {worker.pid for worker in self._nginx.workers(master) if worker.accepting}
        if self._nginx.generation(master) == record.number:
            before = set()  # a killed run reloaded already
            self._generations.settle(record)
        else:
            ended = self._nginx.make_room(master)
            if ended:
                outcome.notes.append(f"{ended} workers of an older reload were ended to keep memory bounded")
            offset = self._nginx.error_log_size()
            self._on_step("switch")
            if not self._nginx.point(master, record.number):
                problems = self._keep_for_the_start(record)
                if problems:
                    return problems
            self._on_step("reload")
            self._nginx.reload(master)
            self._generations.settle(record)  # meanwhile
            self._on_step("prove")
            problems = self._nginx.wait_for_generation(
                master, record.number, before=before, log_offset=offset, timeout=_RELOAD_SECONDS
            )
            if problems:
                return [f"NGINX did not take generation {record.number}: {problems[0]}", *problems[1:]]
        problems = self._prove_sites(record, outcome)
        if not problems and self._newly_closed(record):
            self._wait_for_the_old(master, before)
        outcome.proven = not problems
        return problems

    def _keep_for_the_start(self, record: Record) -> list[str]:
        """Make a generation the one that NGINX starts with, once the whole of it is tested."""
        if not record.whole:
            result = self._nginx.test(record.number)
            if not result.good:
                return [f"NGINX refuses generation {record.number}: {culprit_line(result.output, record.number)[2]}"]
        self._generations.settle(record)
        self._generations.switch(record.number)
        return []

    def _newly_closed(self, record: Record) -> bool:
        """Say whether a path is behind a password now that was not before."""
        base = self._generations.record(record.base)
        earlier = base.sites if base else {}
        return any(
            set(record.sites[domain].get("closed") or ()) - set(earlier.get(domain, {}).get("closed") or ())
            for domain in record.changed
        )

    def _wait_for_the_old(self, master: int, before: set[int]) -> None:
        """Wait until no worker of before would answer: for a moment an idle connection may still ask it something.

        One that lives longer has only answers to finish.
        """
        deadline = time.monotonic() + _IDLE_SECONDS
        while any(worker.pid in before for worker in self._nginx.workers(master)) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _prove_sites(self, record: Record, outcome: Outcome) -> list[str]:
        address = self._address()
        wanted = {}
        for domain in record.changed:
            authority = record.sites[domain]["ca"]
            known = self._checked
            problem = known[domain] if domain in known else certificate_problem(self._paths, domain, authority)
            if problem:
                outcome.notes.append(f"{domain} is not proven: {problem}")
            else:
                wanted[domain] = live_fingerprint(self._paths, domain, authority)
        asked: dict[str, Any] = {
            "address": address,
            "marker": record.marker,
            "generation": record.number,
            "sites": record.sites,
        }
        problems = prove_sites(wanted, **asked)
        base = self._generations.record(record.base)
        before = base.sites if base else {}
        claimed = {name for entry in record.sites.values() for name in entry["names"]}
        gone = [name for domain in record.removed for name in before.get(domain, {}).get("names", [domain])]
        problems += [wrong for name in gone if name not in claimed and (wrong := prove_refused(name, address=address))]
        problems += prove_sites(dict.fromkeys(outcome.neighbours), **asked)
        problems += [
            wrong
            for domain in record.changed
            if domain in wanted
            for path in record.sites[domain].get("closed") or ()
            if (wrong := prove_closed(record.sites[domain].get("served", domain), path=path, address=address))
        ]
        if problems:
            return problems
        for domain in record.answering:
            answer = outcome.answers[domain] = fetch(self._paths, domain, record.sites[domain])
            if answer.status in _NO_BACKEND:
                return [f"https://{domain}/ answers {answer.status}, though its container answered before the change"]
        return []

    def take_back(self, journal: Journal) -> None:
        """Make the base live again, take effects back, and forget the generation. NotRolledBackError if that fails."""
        if self._generations.live_number() == journal.to:
            self._generations.switch(journal.base)
        master = self._nginx.master()
        if master is not None and journal.base:
            self._serve_base(master, journal)
        self.undo_effects(journal)
        self._generations.discard(journal.to)
        self._generations.close_journal()

    def _serve_base(self, master: int, journal: Journal) -> None:
        reads, served = self._nginx.reads(master), self._nginx.generation(master)
        if journal.to not in (reads, served):
            return
        self._nginx.point(master, journal.base)
        before = {worker.pid for worker in self._nginx.workers(master) if worker.accepting}
        offset = self._nginx.error_log_size()
        if served == journal.base:
            before = set()
        else:
            self._nginx.make_room(master)
            self._nginx.reload(master)
        problems = self._nginx.wait_for_generation(
            master, journal.base, before=before, log_offset=offset, timeout=_RELOAD_SECONDS
        )
        if problems:
            raise NotRolledBackError(problems[0])

    def _take_back(self, record: Record, journal: Journal, reason: str) -> None:
        """Take everything back, and forget the generation. NotRolledBackError if that fails."""
        try:
            self.take_back(journal)
            remove_logs(self._paths, set(record.logs))
        except (VsaError, OSError) as error:
            raise NotRolledBackError(
                f"{reason}; and putting generation {record.base} back failed: {error}",
                field="generation",
                value=record.number,
                state=f"current points to generation {self._generations.live_number()}, NGINX may serve another one",
                hint="vsa vhost sync",
            ) from error

    def _write_manifests(self, record: Record) -> None:
        """Bring the manifests on disk to what the generation says of the sites that it changed.

        A site that is made anew is not half removed any more, whatever a removal that was interrupted noted.
        """
        for changed in record.changed if self._paths.unprovision.is_dir() else ():
            (self._paths.unprovision / f"{changed}.json").unlink(missing_ok=True)
        base = self._generations.record(record.base)
        # Without its record the base is still known by its names.
        before = base.files if base else dict.fromkeys(self._generations.read(record.base).files, "")
        for name in sorted({*record.files, *before}):
            domain = site_of(name)
            if domain is None or name != manifest_file(domain) or record.files.get(name) == before.get(name):
                continue
            path = self._paths.sites / f"{domain}.yml"
            if name not in record.files:
                path.unlink(missing_ok=True)
                continue
            text = read_text(self._generations.directory(record.number) / name)
            if text is not None:
                write_atomically(path, text, mode=0o644)

    def _write_override(self, record: Record) -> None:
        """Write the tenants' networks for Compose, so that a recreated proxy joins them again."""
        tenants = [name for name in record.networks if name != EDGE]
        if not tenants:
            self._paths.override.unlink(missing_ok=True)
            return
        text = "# Written by vsa: the tenants' edge networks, for when the proxy is recreated.\n" + dump_yaml(
            {
                "services": {"nginx": {"networks": {name: {} for name in tenants}}},
                "networks": {name: {"external": True} for name in tenants},
            }
        )
        write_atomically(self._paths.override, text, mode=0o644)
