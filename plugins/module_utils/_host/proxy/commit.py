# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second half of the transaction: switch to a tested generation, reload, prove; roll back if that fails.

Theory of operation
-------------------

What exists on disk, below data/nginx:

* ``generations/<n>/`` is a complete configuration. It is finished once it has its generation.json, the record.
* ``current`` is a link to the live generation: the last one that was proven. NGINX starts with it.
* ``journal.json`` exists while a commit is under way. It names the base (the generation that was live before), the
  generation that shall become live, and what the commit adds to the Docker engine.

What exists in the container, on a tmpfs that is empty after each start:

* The next link says which generation NGINX reads at its next reload. At a start the container makes it from
  ``current``.
* The workers serve one generation, and tell its number through a socket. Old workers finish their connections.

A commit moves through these states. Each row says which step leads there (the name that ``on_step`` gets before the
step), and what a kill directly after that step leaves behind.

=============  ==========================================  =========  =========  ===========  =========================
step           what the step does                          current    next link  NGINX        the next run
=============  ==========================================  =========  =========  ===========  =========================
(finish)       write the record; the plan is staged        base       base       base         removes the generation
journal        write the journal                           base       base       base         rolls back
effects        create networks, connect containers         base       base       base         rolls back, networks too
switch         point the next link to the new generation   base       new        base         finishes the commit
reload         send SIGHUP, fsync the generation           base       new        base or new  finishes the commit
prove          ask NGINX and the sites                     base       new        new          finishes the commit
keep           point ``current`` to the new generation     new        new        new          finishes the commit
manifests      name the drafts of /etc/vsa/sites and of    new        new        new          finishes the commit
               the Compose override; leave networks
close          remove the journal, prune generations       new        new        new          has nothing to do
=============  ==========================================  =========  =========  ===========  =========================

Why this is safe at each point:

* ``current`` changes only after the proof, and only after an fsync of the new generation. So whatever starts NGINX in
  between (a crash, a reboot, a power cut) starts the base.
* If NGINX restarts after ``switch``, its next link comes from ``current`` again, and so the next run rolls back.
* A run repairs what an earlier run left, before it does anything else and under the same lock: Proxy.recover().
  "Finishes the commit" means that it proves the generation first. If the proof fails, it rolls back.
* The content of the files of ``manifests`` is written before ``switch``, so that a full disk is met while nothing has
  changed. Later only names change. If that fails too, the files from before get their names back, and the commit is
  rolled back.
* Each step can be repeated: to finish or to roll back twice gives the same result.

Two cases are different. If NGINX does not run, there is nothing to reload: the whole generation is tested in a
container of its own and ``current`` changes at once. A container from before there was a next link reads ``current``
at each reload, so there ``current`` changes before the reload too.

A rollback (roll_back) runs the same way backwards: ``current`` and the next link point to the base, NGINX reloads and
is proven, the networks are undone, the generation and the journal are removed. If that fails, the error is a
NotRolledBackError, the journal stays, and the next run tries again.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from ..._core.errors import InternalError, NotRolledBackError, RefusedError, RolledBackError, VsaError
from ..._core.hints import Hint
from ..._core.proxy.plan import content_hash, culprit_line, manifest_file, site_of
from ..._core.settings import Settings
from ..._core.words import Words
from ..machine.disk import disk_errors_refused, disk_words, way_out
from ..machine.drafts import Drafts, clear_drafts
from ..machine.files import make_directory, read_bytes, write_atomically
from ..store.access_logs import remove_logs
from ..store.generations import Generations, Journal, Record
from ..store.layout import Paths
from ..store.settings import read_settings
from .networks import connect_networks, leave_networks, override_text, plan_networks, undo_networks
from .proving import neighbours_serving, newly_closed, prove_generation
from .values import Outcome

if TYPE_CHECKING:
    from .protocols import ProxyEngine, ProxyNginx

__all__ = ("Commit",)

_RELOAD_SECONDS = 30.0
# A little more than keepalive_min_timeout of nginx.conf.
_IDLE_SECONDS = 3.5


class Commit:
    """Makes generations live on one host. The caller holds the host's lock.

    ``explain`` returns the error that names the site because of which NGINX refused a generation at the reload, if one
    site is to blame.
    """

    def __init__(
        self,
        paths: Paths,
        engine: ProxyEngine,
        nginx: ProxyNginx,
        generations: Generations,
        on_step: Callable[[str], None],
        *,
        explain: Callable[[Record], VsaError | None] = lambda record: None,
    ) -> None:
        self._explain = explain
        self._paths = paths
        self._engine = engine
        self._nginx = nginx
        self._generations = generations
        self._on_step = on_step

    def run(
        self,
        number: int,
        *,
        certificates: Mapping[str, str | None] | None = None,
        settings: Settings | None = None,
    ) -> Outcome:
        """Make a tested generation live.

        ``certificates`` is given if the same run has just staged and verified the generation: it maps each changed site
        to what is wrong with its certificate. Otherwise the generation is verified again.

        RolledBackError if the generation is not proven and the base is live again; NotRolledBackError if the rollback
        fails. If NGINX refuses a changed site at the reload, the error that ``explain`` returns: nothing was served.
        """
        record = self._generations.record(number)
        if record is None:
            raise InternalError(f"generation {number} was never finished")
        if certificates is None:
            self._refuse_if_changed(record)
        neighbours = neighbours_serving(self._nginx, record, self._generations.record(record.base))
        journal = plan_networks(self._engine, self._nginx.container(), record)
        self._on_step("journal")
        try:
            with disk_errors_refused():
                self._generations.write_journal(journal)
        except RefusedError:
            self._generations.discard(number)
            raise
        try:
            self._on_step("effects")
            connect_networks(self._engine, journal)
        except BaseException as error:
            self._roll_back_after(record, journal, str(error))
            raise
        return self.finish(record, journal, neighbours=neighbours, certificates=certificates, settings=settings)

    def _refuse_if_changed(self, record: Record) -> None:
        """RefusedError if somebody changed a file of a generation since it was tested. The generation is removed."""
        wrong = self._generations.verify(record.number, record.files)
        if wrong:
            self._generations.discard(record.number)
            raise RefusedError(
                f"generation {record.number} was changed after its test", field="file", value=", ".join(wrong)
            )

    def finish(
        self,
        record: Record,
        journal: Journal,
        *,
        neighbours: list[str] | None = None,
        certificates: Mapping[str, str | None] | None = None,
        settings: Settings | None = None,
    ) -> Outcome:
        """Do everything from ``switch`` on, also for a commit that a killed run began. Rolls back if that fails.

        ``neighbours`` are sites that served before the change and must serve after it.
        """
        outcome = Outcome(number=record.number, base=record.base, neighbours=neighbours or [])
        drafts = Drafts()
        try:
            # Before the switch, so that a full disk is met while nothing has changed.
            self._draft_files(record, drafts)
            problems = self._serve(record, outcome, certificates=certificates or {}, settings=settings)
        except OSError as error:
            self._roll_back_after(record, journal, disk_words(error), drafts)
            raise _disk_failed(record, error) from error
        except BaseException as error:
            self._roll_back_after(record, journal, str(error), drafts)
            raise
        if problems:
            refusal = self._explain(record) if outcome.refused else None
            self._roll_back_after(record, journal, problems[0], drafts)
            if refusal is not None:
                raise refusal
            raise RolledBackError(
                problems[0],
                field="generation",
                value=record.number,
                state=_state_after_rollback(record),
                details=problems[1:6],
            )
        try:
            self._on_step("keep")
            if self._generations.live_number() != record.number:
                self._generations.switch(record.number)
            self._on_step("manifests")
            self._keep_files(record, drafts)
        except OSError as error:
            self._roll_back_after(record, journal, disk_words(error), drafts)
            raise _disk_failed(record, error) from error
        outcome.notes += leave_networks(self._engine, record, self._generations.record(record.base))
        self._close(record, keep=self._kept(settings))
        if outcome.proven:
            claimed = {name for entry in record.sites.values() for name in entry["names"]}
            outcome.notes += [f"{domain} is refused now" for domain in record.removed if domain not in claimed]
        return outcome

    def _close(self, record: Record, *, keep: int) -> None:
        """Remove the journal, what is left of drafts, and old generations. All that matters is live by now."""
        self._on_step("close")
        try:
            self._generations.close_journal()
        except OSError as error:
            raise NotRolledBackError(
                f"the change is live, and its journal could not be removed: {disk_words(error)}",
                field="generation",
                value=record.number,
                state=f"generation {record.number} is live and proven; the next change ends this one first",
                hint=way_out(error),
            ) from error
        self._clear_drafts()
        self._generations.prune(keep)
        # What stays open because the disk failed is closed by the next change.
        with suppress(OSError):
            self._generations.close_keys()

    def _clear_drafts(self) -> None:
        clear_drafts(self._paths.sites)
        clear_drafts(self._paths.override.parent)

    def _kept(self, settings: Settings | None) -> int:
        """Return how many generations the host keeps. Settings that are not valid stop no commit."""
        try:
            return (settings or read_settings(self._paths)).proxy_generations
        except RefusedError:
            return Settings().proxy_generations

    # -- serve the new generation ------------------------------------------------------------------------------------

    def _serve(
        self,
        record: Record,
        outcome: Outcome,
        *,
        certificates: Mapping[str, str | None],
        settings: Settings | None,
    ) -> list[str]:
        """Let NGINX serve a generation and prove it. Returns what is wrong, empty if all is right."""
        master = self._nginx.master()
        if master is None:
            problems = self._keep_for_start(record)
            # Somebody may have started NGINX meanwhile. Then it reads the new generation, and can be proven.
            master = self._nginx.master()
            if problems:
                return problems
            if master is None:
                outcome.notes.append(
                    "NGINX is not running: the generation was tested apart and is live at its next start"
                )
                return []
        before = self._accepting(master)
        served = self._nginx.generation(master)
        outcome.base_served = served == record.base
        if served == record.number:
            # A killed run reloaded already.
            before = set()
            self._generations.fsync_generation(record)
        else:
            problems = self._reload(master, record, outcome, before)
            if problems:
                return problems
        base = self._generations.record(record.base)
        problems = prove_generation(
            self._paths, self._nginx, record, base, outcome, certificates=certificates, settings=settings
        )
        if not problems and newly_closed(record, base):
            self._wait_for_old_workers(master, before)
        outcome.proven = not problems
        return problems

    def _accepting(self, master: int) -> set[int]:
        return {worker.pid for worker in self._nginx.workers(master) if worker.accepting}

    def _reload(self, master: int, record: Record, outcome: Outcome, before: set[int]) -> list[str]:
        """Let a running NGINX read a generation, and wait until only the new workers accept connections."""
        ended = self._nginx.end_oldest_workers(master)
        if ended:
            outcome.notes.append(f"{ended} workers of an older reload were ended to keep memory bounded")
        log_offset = self._nginx.error_log_size()
        self._on_step("switch")
        if not self._nginx.set_next(master, record.number):
            problems = self._keep_for_start(record)
            if problems:
                return problems
        self._on_step("reload")
        self._nginx.reload(master)
        # NGINX starts its workers meanwhile.
        self._generations.fsync_generation(record)
        self._on_step("prove")
        problems = self._nginx.wait_for_generation(
            master, record.number, before=before, log_offset=log_offset, timeout=_RELOAD_SECONDS
        )
        if problems:
            outcome.refused = True
            return [f"NGINX did not take generation {record.number}: {problems[0]}", *problems[1:]]
        return []

    def _keep_for_start(self, record: Record) -> list[str]:
        """Point ``current`` to a generation that is not proven. If only a part of it was tested, test all of it now."""
        if not record.whole:
            result = self._nginx.test(record.number)
            if not result.good:
                message = culprit_line(result.output, record.number)[2]
                return [f"NGINX refuses generation {record.number}: {Words('NGINX', message).shown}"]
        self._generations.fsync_generation(record)
        self._generations.switch(record.number)
        return []

    def _wait_for_old_workers(self, master: int, before: set[int]) -> None:
        """Wait until no old worker takes a new request: for a few seconds an idle connection may still bring one.

        An old worker that lives longer only finishes answers.
        """
        deadline = time.monotonic() + _IDLE_SECONDS
        while time.monotonic() < deadline:
            if not any(worker.pid in before for worker in self._nginx.workers(master)):
                return
            time.sleep(0.05)

    def _draft_files(self, record: Record, drafts: Drafts) -> None:
        """Write the content of the files that change with a generation: manifests, and the Compose override."""
        base = self._generations.record(record.base)
        if base is not None:
            before: Mapping[str, str] = base.files
        else:
            # Without its record only the names of its files are known.
            before = dict.fromkeys(self._generations.read(record.base).files, "")
        make_directory(self._paths.sites, mode=0o755)
        for name in sorted({*record.files, *before}):
            site = site_of(name)
            if site is None or name != manifest_file(site) or record.files.get(name) == before.get(name):
                continue
            path = self._paths.sites / f"{site}.yml"
            if name not in record.files:
                drafts.remove(path)
                continue
            text = self._generations.text(record, name)
            if text is not None:
                drafts.write(path, text, mode=0o644)
        drafts.write(self._paths.override, override_text(record.networks), mode=0o644)

    def _keep_files(self, record: Record, drafts: Drafts) -> None:
        """Give the drafts their names: /etc/vsa/sites says what is live, and a recreated proxy joins its networks.

        If the removal of a site was interrupted and the site is live again, the journal of that removal goes too.
        """
        drafts.commit()
        if self._paths.unprovision.is_dir():
            for domain in record.changed:
                (self._paths.unprovision / f"{domain}.json").unlink(missing_ok=True)

    def write_unedited_manifests(self, record: Record) -> None:
        """Write the manifests of a live generation whose commit may have ended before, but none that differs from both.

        A manifest that is neither the live one nor the one of the base was edited by somebody.
        """
        base = self._generations.record(record.base)
        for domain in record.changed if base else ():
            name = manifest_file(domain)
            there = read_bytes(self._paths.sites / f"{domain}.yml")
            before = base.files.get(name) if base else None
            if (None if there is None else content_hash(there)) == before:
                text = self._generations.text(record, name)
                if text is not None:
                    write_atomically(self._paths.sites / f"{domain}.yml", text, mode=0o644)

    # -- roll back ---------------------------------------------------------------------------------------------------

    def _roll_back_after(self, record: Record, journal: Journal, reason: str, drafts: Drafts | None = None) -> None:
        """Roll back because of ``reason``. NotRolledBackError if the rollback fails."""
        try:
            if drafts is not None:
                drafts.undo()
            self.roll_back(journal)
            remove_logs(self._paths, set(record.logs))
        except (VsaError, OSError) as error:
            raise NotRolledBackError(
                f"{reason}; and the rollback to generation {record.base} failed: {error}",
                field="generation",
                value=record.number,
                state=f"current points to generation {self._generations.live_number()}, NGINX may serve another one",
                hint=Hint("vhost.sync"),
            ) from error

    def roll_back(self, journal: Journal) -> None:
        """Make the base live again, undo the networks, and remove the generation. NotRolledBackError if that fails."""
        try:
            self._restore_base(journal)
        except OSError as error:
            raise NotRolledBackError(
                f"generation {journal.base} could not be restored: {disk_words(error)}",
                field="generation",
                value=journal.to,
                state=f"current points to generation {self._generations.live_number()}, NGINX may serve another one",
                hint=way_out(error),
            ) from error

    def _restore_base(self, journal: Journal) -> None:
        if self._generations.live_number() == journal.to:
            self._generations.switch(journal.base)
        master = self._nginx.master()
        if master is not None and journal.base:
            self._serve_base(master, journal)
        undo_networks(self._engine, journal)
        self._generations.discard(journal.to)
        self._generations.close_journal()
        self._clear_drafts()

    def _serve_base(self, master: int, journal: Journal) -> None:
        """Let a running NGINX serve the base again, if it reads or serves the new generation."""
        served = self._nginx.generation(master)
        if journal.to not in (self._nginx.next_generation(master), served):
            return
        self._nginx.set_next(master, journal.base)
        before = self._accepting(master)
        log_offset = self._nginx.error_log_size()
        if served == journal.base:
            before = set()
        else:
            self._nginx.end_oldest_workers(master)
            self._nginx.reload(master)
        problems = self._nginx.wait_for_generation(
            master, journal.base, before=before, log_offset=log_offset, timeout=_RELOAD_SECONDS
        )
        if problems:
            raise NotRolledBackError(problems[0])


def _disk_failed(record: Record, error: OSError) -> RolledBackError:
    return RolledBackError(
        f"a file could not be written: {error.strerror or error}",
        field="path" if error.filename else None,
        value=error.filename,
        state=_state_after_rollback(record),
        hint=way_out(error),
    )


def _state_after_rollback(record: Record) -> str:
    return f"rolled back: generation {record.base} is live" if record.base else "rolled back: no generation is live"
