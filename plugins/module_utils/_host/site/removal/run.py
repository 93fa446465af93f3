# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site is removed in six steps, each safe to interrupt and to repeat; then it is proven that nothing of it remains.

The proxy comes first and is all or nothing: where its transaction fails nothing else was touched. After it the way is
forward only, and what the later steps need lies in a journal.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...._core import forms
from ...._core.errors import NotRolledBackError, RefusedError, UsageError, VsaError
from ...._core.networks import EDGE
from ...._core.proxy.plan import site_file
from ...._core.run_context import RunContext
from ...cert.chain import remove_lineage
from ...machine.arguments import audit_id
from ...machine.docker_site import SiteEngine
from ...machine.lock import host_lock
from ...proxy.transaction import Proxy
from ...proxy.values import Change, Request
from ...store.access_logs import site_logs
from ...store.generations import Generations
from ...store.layout import Paths
from ...store.passwords import remove_site
from ..holdings import Holdings, look, remains, scheduled
from .data import Purge, carry_out, plan_purge
from .journal import Journal
from .words import Step, kept_words, plan_steps, step

__all__ = ("unprovision",)


@dataclass
class _Done:
    """What a run has done so far: the steps for the operator, and in words what went."""

    steps: list[Step] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    generation: int = 0
    diff: str = ""
    gone: set[str] = field(default_factory=set)

    def add(self, name: str, removed: list[str], text: str, notes: list[str] | tuple[str, ...] = ()) -> None:
        """Add a step; it changed something where something went."""
        self.removed += removed
        self.steps.append(step(name, "changed" if removed else "ok", text, notes))


def unprovision(
    options: Mapping[str, Any],
    *,
    check: bool,
    diff: bool,
    paths: Paths | None = None,
    engine: SiteEngine | None = None,
    on_step: Callable[[str], None] = lambda name: None,
) -> dict[str, Any]:
    """Return the result of the module ``site`` with ``state=absent``.

    RefusedError where nothing may be done, RolledBackError where the proxy would not let the site go and serves it as
    before, NotRolledBackError where a later step failed: the same again goes on from there.
    """
    if options["purge"] and options["keep_container"]:
        raise UsageError("the data of a container that stays cannot go", field="purge", value="true")
    paths = paths or Paths()
    work = _Removal(options, paths, engine or SiteEngine(), on_step)
    return work.preview(diff=diff) if check else work.run(diff=diff)


class _Removal:
    """The removal of one site from one host."""

    def __init__(
        self, options: Mapping[str, Any], paths: Paths, engine: SiteEngine, on_step: Callable[[str], None]
    ) -> None:
        self._options = options
        self._paths = paths
        self._engine = engine
        self._on_step = on_step
        self._domain = forms.domain(options["domain"])
        self._audit_id = audit_id(options["audit_id"])
        self._proxy = Proxy(engine, paths, on_step=on_step)
        self._done = _Done()

    def _request(self) -> Request:
        return Request(
            run=RunContext(self._audit_id, self._options["actor"], self._options["verb"] or "site.unprovision"),
            templates=self._options["templates"] or {},
            changes=(Change(self._domain, absent=True),),
        )

    def _look(self) -> Holdings:
        found = look(self._paths, self._engine, self._domain)
        generations = Generations(self._paths)
        record = generations.record(generations.live_number())
        owner = next(
            (other for other, entry in (record.sites if record else {}).items() if self._domain in entry["names"]), None
        )
        own = found.live or found.manifests or found.certificate or found.passwords or found.logs or found.journal
        if owner not in (None, self._domain) and not own:
            raise RefusedError(
                f"{self._domain} is an alias of the site {owner}, not a site",
                field="domain",
                value=self._domain,
                hint=f"vsa site show {owner}",
            )
        return found

    def _purge(self, found: Holdings) -> Purge | None:
        """Return what of the data goes; without ``purge`` what would be lost with it is only named."""
        if self._options["keep_container"]:
            return None
        going = {held.id for held in found.verdict.going}
        return plan_purge(self._engine, found.mounts, [held for held in found.containers if held.id not in going])

    def _keeps_certificate(self, found: Holdings) -> bool:
        return bool(self._options["keep_cert"] or found.certificate_users)

    def _has_work(self, found: Holdings, purge: Purge | None) -> bool:
        return bool(
            found.live
            or found.manifests
            or found.journal
            or found.passwords
            or found.logs
            or (found.certificate and not self._keeps_certificate(found))
            or (found.verdict.going and not self._options["keep_container"])
            or (self._options["purge"] and purge and purge.words)
        )

    def preview(self, *, diff: bool) -> dict[str, Any]:
        """Say what a run would do; touches nothing."""
        found = self._look()
        purge = self._purge(found)
        plan, warnings = None, tuple[str, ...]()
        if found.live:
            plan, desired = self._proxy.plan(self._request())
            warnings = desired.warnings
        written = {}
        if not self._options["keep_container"]:
            written = {held.name: self._engine.written(held) for held in found.verdict.going}
        steps = plan_steps(found, self._options, plan=plan, warnings=warnings, written=written, purge=purge)
        return {
            **self._result(found, steps, purge),
            "changed": self._has_work(found, purge),
            "containers": [
                {
                    "name": held.name,
                    "image": held.image,
                    "created": held.created,
                    "written_bytes": written[held.name].bytes,
                    "written_paths": written[held.name].count,
                }
                for held in found.verdict.going
                if held.name in written
            ],
            **({"diff": {"prepared": plan.diff()}} if diff and plan else {}),
        }

    def run(self, *, diff: bool) -> dict[str, Any]:
        """Carry out the six steps, then the purge, then the proof."""
        with host_lock(self._paths.lock) if self._paths.nginx.is_dir() else contextlib.nullcontext():
            if self._paths.nginx.is_dir() and self._proxy.generations.journal() is not None:
                self._proxy.recover(sweep=False)
            found = self._look()
            purge = self._purge(found)
            if self._has_work(found, purge):
                self._on_step("note")
                found.as_journal().write(self._paths, self._domain)
            self._leave_proxy(found)
            with self._forward():
                for name, call in (
                    ("auth", self._remove_auth),
                    ("certificate", self._remove_certificate),
                    ("containers", self._remove_containers),
                    ("logs", self._remove_logs),
                    ("manifest", self._remove_manifest),
                ):
                    self._on_step(name)
                    call(found)
        with self._forward():
            if self._options["purge"]:
                self._on_step("data")
                purge = self._purge_data(found)
            self._on_step("proof")
            self._prove(found, purge)
            self._on_step("end")
            Journal.close(self._paths, self._domain)
        result = self._result(found, self._done.steps, purge)
        return {**result, **({"diff": {"prepared": self._done.diff}} if diff and self._done.diff else {})}

    def _result(self, found: Holdings, steps: list[Step], purge: Purge | None) -> dict[str, Any]:
        return {
            "changed": bool(self._done.removed),
            "schema": 1,
            "audit_id": self._audit_id,
            "domain": self._domain,
            "generation": Generations(self._paths).live_number(),
            "removed": self._done.removed,
            "kept": kept_words(self._paths, found, self._options, purge),
            "shared": {name: list(reasons) for name, reasons in found.verdict.shared.items()},
            "steps": steps,
        }

    @contextlib.contextmanager
    def _forward(self) -> Iterator[None]:
        """Say of whatever fails after the proxy what is done and what is not: there is no way back any more."""
        try:
            yield
        except (VsaError, OSError) as error:
            done = ", ".join(entry["name"] for entry in self._done.steps)
            details = error.details if isinstance(error, VsaError) else []
            raise NotRolledBackError(
                str(error),
                field="domain",
                value=self._domain,
                state=f"{self._domain} is half removed: {done or 'nothing'} done, the rest is as it was",
                hint=f"vsa site unprovision --domain {self._domain} again: it goes on from there",
                details=details,
            ) from error

    def _leave_proxy(self, found: Holdings) -> None:
        """Step 1, all or nothing: on failure the site is served as before and nothing else was touched."""
        if not found.live:
            self._done.add("proxy", [], "not served")
            return
        try:
            prepared, outcome = self._proxy.apply_locked(self._request())
        except VsaError:
            if found.journal is None:
                Journal.close(self._paths, self._domain)
            raise
        self._done.diff = prepared.plan.diff()
        text = f"generation {prepared.plan.base} → {prepared.number}: {prepared.plan.summary()}"
        notes = [*(outcome.notes if outcome else ()), *prepared.desired.warnings]
        if outcome is not None and outcome.proven:
            many = len(outcome.neighbours)
            said_elsewhere = (f"{self._domain} is refused now", f"the proxy left {found.network}")
            notes = [note for note in notes if not note.startswith(said_elsewhere)]
            text += f", proven: {self._domain} is refused"
            text += f", {many} neighbour{'s serve' if many > 1 else ' serves'}" if many else ""
        self._done.add("proxy", [site_file(self._domain)], text, notes)

    def _remove_auth(self, found: Holdings) -> None:
        gone = remove_site(self._paths, found.domain)
        self._done.add("auth", gone, "password file removed" if gone else "none")

    def _remove_certificate(self, found: Holdings) -> None:
        if self._keeps_certificate(found) or not found.certificate:
            users = f"used by {', '.join(found.certificate_users)}" if found.certificate_users else "as asked"
            self._done.add("certificate", [], f"kept, {users}" if found.certificate else "none")
            return
        # The renewal loop must not be at it meanwhile.
        lock = self._paths.letsencrypt / "vsa-certbot.lock"
        with host_lock(lock) if lock.exists() else contextlib.nullcontext():
            gone = remove_lineage(self._paths, self._domain)
        self._done.add("certificate", gone, "lineage, keys and renewal configuration removed" if gone else "none")

    def _remove_containers(self, found: Holdings) -> None:
        going, shared = found.verdict.going, found.verdict.shared
        notes = [f"{name} stays: {', '.join(reasons)}" for name, reasons in shared.items()]
        removed: list[str] = []
        if self._options["keep_container"]:
            for held in going:
                notes.append(f"{held.name} stays, as asked")
                if self._engine.joined(held.name, found.network):
                    self._engine.disconnect(found.network, held.name)
                    notes.append(f"{held.name} left {found.network}, which it had joined for the site")
                    removed.append(f"{held.name} on {found.network}")
        else:
            for held in going:
                self._on_step(f"container {held.name}")
                self._engine.remove_container(held.id)
                self._done.gone.add(held.id)
                removed.append(f"container {held.name}")
            removed += self._remove_networks(found, notes)
        text = f"{', '.join(held.name for held in going)} stopped and removed" if self._done.gone else "none removed"
        removed += self._leave_tenant(found, notes)
        self._done.add("containers", removed, text, notes)

    def _remove_networks(self, found: Holdings, notes: list[str]) -> list[str]:
        """Remove the networks of Compose projects of which no container is left, as Compose itself would."""
        left = {held.project for held in self._engine.held()}
        removed = []
        for project in found.projects:
            for network in self._engine.project_networks(project) if project not in left else ():
                if not self._engine.members(network):
                    self._engine.remove_network(network)
                    removed.append(f"network {network}")
                    notes.append(f"network {network} of the Compose project {project} removed")
        return removed

    def _leave_tenant(self, found: Holdings, notes: list[str]) -> list[str]:
        generations = Generations(self._paths)
        record = generations.record(generations.live_number())
        if found.network == EDGE or found.network in (record.networks if record else ()):
            return []
        if self._engine.network(found.network) is None:
            return []
        members = self._engine.remove_edge(found.network)
        if members is None:
            notes.append(f"network {found.network} removed: it was the tenant's last site")
            return [f"network {found.network}"]
        by = f"{', '.join(members[:5])} on it" if members else "it was not VSA that made it"
        notes.append(f"network {found.network} stays: {by}")
        return []

    def _remove_logs(self, found: Holdings) -> None:
        # NGINX closed them with its reload; an old worker behind a long connection writes into a file without a name.
        gone = site_logs(self._paths, found.domain)
        for path in gone:
            path.unlink(missing_ok=True)
        self._done.add("logs", [str(path) for path in gone], f"{len(gone)} removed" if gone else "none")

    def _remove_manifest(self, found: Holdings) -> None:
        gone = [str(path) for path in found.manifests]
        for path in found.manifests:
            path.unlink(missing_ok=True)
        notes = []
        if found.origin == "declared":
            notes.append("it was declared in the inventory: the next vsa site apply brings the site back")
        self._done.add("manifest", gone, "removed" if gone else "none", notes)

    def _purge_data(self, found: Holdings) -> Purge | None:
        if self._options["keep_container"]:
            return None
        containers = [held for held in self._engine.held() if held.id not in self._done.gone]
        purge = plan_purge(self._engine, found.mounts, containers)
        carry_out(self._engine, purge)
        notes = [f"{what} stays: {why}" for what, why in purge.refused.items()]
        self._done.add("data", purge.words, ", ".join(purge.words) + " removed" if purge.words else "none", notes)
        return purge

    def _prove(self, found: Holdings, purge: Purge | None) -> None:
        left = remains(
            self._paths, self._engine, found, keep_certificate=self._keeps_certificate(found), gone=self._done.gone
        )
        if left:
            raise NotRolledBackError(f"something is still named after {self._domain}", details=left)
        others = [f"{path} speaks of it and is not VSA's" for path in scheduled(self._paths, self._domain)]
        kept = [f"kept: {words}" for words in kept_words(self._paths, found, self._options, purge)]
        state = "warning" if others else "ok"
        self._done.steps.append(step("proof", state, f"nothing named {self._domain} remains", [*others, *kept]))
