# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack backup`: save the databases, then the volumes and the files of a stack, as one run in the repository.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import secrets
import socket
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ...._core.errors import RefusedError, RolledBackError, VsaError
from ...._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Result, Step
from ...._core.stack.backup import restic
from ...._core.stack.backup.plan import BackupPlan, plan_backup
from ...._core.stack.backup.runs import FILES, expired_runs, new_run_id, tags_of
from ...._core.stack.backup.settings import BackupSettings
from ...._core.stack.manifest import Stack
from ...._core.times import rfc3339
from ...._core.version import REPOSITORY, VERSION
from ...._core.words import Words
from ...machine.alert import send_alert
from ...machine.clock import time_now
from ...machine.docker import Container
from ...machine.docker_backup import BackupEngine
from ...machine.walk import walk
from ...store.backups import BackupRecord, add_password, read_backup_settings, stack_lock, users_texts, write_about
from ...store.generations import Generations
from ...store.layout import Paths
from ...store.manifests import read_manifests
from ...store.settings import read_settings
from ..folder import Folder, find_stack
from ..health import containers_of, service_of
from ..hooks import hooks_of
from ..reading import ask_compose, services_of_profiles
from .databases import other_databases, read_roles, save_database
from .figures import write_backup_figures
from .repository import SAVED, Repository, Task, open_repository, require_settings

__all__ = ("BackupRequest", "backup_stack", "config_of")

_LETTERS = string.ascii_letters + string.digits
_PASSWORD_LETTERS = 40
_MOST_LINES = 5
_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class BackupRequest:
    """The stack to save. The tenant is needed if several tenants have a stack of this name."""

    name: str
    tenant: str | None = None


def backup_stack(
    request: BackupRequest, *, check: bool, paths: Paths | None = None, engine: BackupEngine | None = None
) -> Result:
    """Save a stack as one run. RefusedError if the host has no settings for backups, or the stack does not fit them.

    RolledBackError if the repository does not answer, or if a dump fails: there is no run then, the host's alert hooks
    are told, and `vsa status` names the stack until a backup succeeds.
    """
    paths, engine = paths or Paths(), engine or BackupEngine()
    settings = require_settings(paths)
    folder, stack = find_stack(paths, request.name, tenant=request.tenant)
    _refuse_proxy(stack)
    profiled = services_of_profiles(folder.version().files)
    plan = plan_backup(stack.backup, config_of(stack, folder, paths), profiled=profiled)
    if check:
        return _forecast(settings, plan)
    record = BackupRecord(paths, stack.tenant, stack.name)
    with stack_lock(paths, stack.tenant, stack.name):
        try:
            _start_again(engine, stack, record)
            settings, note = _with_password(paths, settings)
            with open_repository(settings, stack.project, paths=paths, engine=engine) as repository:
                repository.require(make=True)
                result = _Saving(paths, engine, repository, stack, folder, plan, record).save()
        except VsaError as error:
            record.note(failure=error.message, failed=rfc3339(time_now()))
            error.details += _alert(paths, stack, error.message)
            raise
    first = (Step("password", CHANGED, "the repository has a new password", (note,)),) if note else ()
    return Result(changed=True, steps=(*first, *result.steps), data=result.data)


def config_of(stack: Stack, folder: Folder, paths: Paths) -> str:
    """Return what Compose says of the version that was written last."""
    version = folder.version()
    return version.config or json.dumps(ask_compose(stack, version.files, version.env, paths=paths))


def _refuse_proxy(stack: Stack) -> None:
    if hooks_of(stack.name).serves_sites:
        raise RefusedError(
            "this stack is no backup of one stack: sites, certificates and passwords of the whole host lie in it",
            field="stack",
            value=stack.name,
            expected=f"another stack; this one is saved as in {REPOSITORY}/blob/main/docs/runbooks/restore.md",
        )


def _with_password(paths: Paths, settings: BackupSettings) -> tuple[BackupSettings, str]:
    """Return the settings with a password, and a note that shows a new one once; empty if there was one."""
    if settings.password is not None:
        return settings, ""
    password = "".join(secrets.choice(_LETTERS) for _letter in range(_PASSWORD_LETTERS))
    add_password(paths, password)
    found = read_backup_settings(paths) or settings
    return found, f"{password} opens all backups, and nothing else does: write it down elsewhere"


def _forecast(settings: BackupSettings, plan: BackupPlan) -> Result:
    words = f"{_content(plan)} would be saved to {settings.repository}"
    warnings = [Step("backup", WARNING, text) for text in plan.warnings]
    return Result(changed=True, steps=(Step("backup", WOULD_CHANGE, words, plan.notes), *warnings))


def _content(plan: BackupPlan) -> str:
    parts = [f"the database of {name}" for name in plan.databases]
    parts += [f"the volume {key}" for key in plan.volumes]
    return ", ".join([*parts, "the files"])


def _alert(paths: Paths, stack: Stack, why: str) -> list[str]:
    """Send an alert for a backup that failed. Returns what went wrong with it."""
    host = socket.getfqdn()
    text = f"{host}: the backup of {stack.tenant}/{stack.name} failed: {why}"
    named = {"tenant": stack.tenant, "stack": stack.name, "why": why}
    message = {"schema": 1, "text": text, "host": host, "time": rfc3339(time_now()), "backups": [named]}
    try:
        return send_alert(read_settings(paths), message)
    except VsaError as error:
        return [f"no alert was sent: {error.message}"]


def _start_again(engine: BackupEngine, stack: Stack, record: BackupRecord) -> None:
    """Start the containers that a killed backup left stopped."""
    names = record.read().get("stopped") or []
    for container in containers_of(engine, stack):
        if container.name in names and not container.running:
            engine.start(container.id)
    if names:
        record.note(stopped=[])


@dataclass(frozen=True)
class _Saving:
    """One run under way."""

    paths: Paths
    engine: BackupEngine
    repository: Repository
    stack: Stack
    folder: Folder
    plan: BackupPlan
    record: BackupRecord

    def save(self) -> Result:
        """Save everything. The snapshots of a run that fails are removed, as far as the repository lets us."""
        now = time_now()
        run = new_run_id(now, secrets.token_hex(2))
        made: list[str] = []
        try:
            steps = self._save(run, made)
        except VsaError:
            if made:
                self.repository.forget(made, prune=False)
            raise
        self.record.note(run=run, time=rfc3339(now), failure=None, failed=None)
        write_backup_figures(self.paths)
        data = {"stack": self.stack.name, "tenant": self.stack.tenant, "run": run}
        return Result(changed=True, steps=(*steps, *self._expire(now_run=run)), data=data)

    def _save(self, run: str, made: list[str]) -> list[Step]:
        steps, roles = [], {}
        for service in self.plan.databases:
            container = self._container(service)
            self._refuse_others(service, other_databases(container.name))
            roles[service] = read_roles(container.name)
            words = self._words(run, service)
            dumped = save_database(self.repository, container.name, words, filename=f"/{service}.dump")
            made.append(dumped.snapshot)
            steps.append(Step("database", CHANGED, f"{service}: dump of {_shown(dumped.size)} saved"))
        self._write_about(run, roles)
        with self._stopped():
            summary, complaints = self._save_files(run)
        text = f"{run}: {_content(self.plan)}, {_shown(summary.size)} read, {_shown(summary.added)} new"
        steps.append(Step("backup", CHANGED, text, self.plan.notes))
        steps += [Step("backup", WARNING, warning) for warning in self.plan.warnings]
        if complaints:
            steps.append(Step("files", WARNING, "some files vanished or were not readable", tuple(complaints)))
        return steps

    def _container(self, service: str) -> Container:
        """Return the running container of a database. RolledBackError if there is none: a dump needs it."""
        for container in containers_of(self.engine, self.stack):
            if service_of(container) == service and container.running:
                return container
        raise RolledBackError(
            f"the database {service} does not run, so there is no dump of it",
            field="stack.yml/backup/databases",
            value=service,
            state="no backup was made",
        )

    def _refuse_others(self, service: str, others: list[str]) -> None:
        """Raise RolledBackError if a dump would leave out databases of a server: the backup would look whole."""
        if others:
            raise RolledBackError(
                f"the database server {service} has databases that no dump would hold",
                field="stack.yml/backup/databases",
                value=service,
                there_are=others,
                expected=f"a server for each database, or {service} in stop instead: then its files are saved",
                state="no backup was made; the stack runs as before",
            )

    def _words(self, run: str, part: str) -> list[str]:
        tags = tags_of(tenant=self.stack.tenant, stack=self.stack.name, run=run, part=part)
        return ["--host", socket.gethostname(), *(word for tag in tags for word in ("--tag", tag))]

    def _write_about(self, run: str, roles: Mapping[str, str]) -> None:
        """Write what a restore has to know, and the stack's sites with their users, among the files that are saved."""
        about = {
            "schema": 1,
            "version": VERSION,
            "run": run,
            "tenant": self.stack.tenant,
            "stack": self.stack.name,
            "databases": list(self.plan.databases),
            "volumes": list(self.plan.volumes),
        }
        texts = {"about.json": json.dumps(about), **{f"roles-{name}.sql": text for name, text in roles.items()}}
        sites = self._sites()
        texts |= {f"site-{domain}.yml": text for domain, text in sites.items()}
        texts |= users_texts(self.paths, sites)
        write_about(self.repository.control, texts)

    def _sites(self) -> dict[str, str]:
        """Return the manifests of the live sites that lead to containers of the stack."""
        live = Generations(self.paths).live_sites()
        names = {container.name for container in containers_of(self.engine, self.stack)}
        of_stack = {domain for domain, entry in live.items() if names & {*entry["containers"]}}
        return {domain: text for domain, text in read_manifests(self.paths).items() if domain in of_stack}

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        """Stop the containers that must not write meanwhile. They are started again whatever comes."""
        running = [
            container
            for container in containers_of(self.engine, self.stack)
            if service_of(container) in self.plan.stop and container.running
        ]
        self.record.note(stopped=[container.name for container in running])
        try:
            for container in running:
                self.engine.stop(container.id)
            yield
        finally:
            for container in running:
                self.engine.start(container.id)
            self.record.note(stopped=[])

    def _save_files(self, run: str) -> tuple[restic.Summary, list[str]]:
        binds = [
            f"{self.repository.control / 'about'}:{SAVED}/about:ro",
            f"{self.folder.state.path}:{SAVED}/state:ro",
            f"{self.folder.path}:{SAVED}/folder:ro",
            *(f"{self._volume(name)}:{SAVED}/volumes/{key}:ro" for key, name in self.plan.volumes.items()),
        ]
        with walk(self.folder.path.parent) as tenant, tenant.inside(self.folder.path.name) as folder:
            found = folder.own_state()
            task = Task(
                ["backup", *self._words(run, FILES), SAVED],
                binds=binds,
                capabilities=("DAC_READ_SEARCH",),
                same=(f"{SAVED}/folder", f"{found.st_dev}:{found.st_ino}"),
            )
            answer = self.repository.run(task)
        summary, complaints = restic.summary_of(answer.stdout), restic.error_lines(answer.stderr)
        if answer.code not in (0, restic.INCOMPLETE) or summary is None:
            raise RolledBackError(
                "the volumes and files were not saved",
                field="stack",
                value=self.stack.name,
                state="no backup was made; the stack runs as before",
                details=Words("restic", "\n".join(complaints)).lines(_MOST_LINES),
            )
        return summary, Words("restic", "\n".join(complaints)).lines(_MOST_LINES) if complaints else []

    def _volume(self, name: str) -> str:
        """Return the name of a volume that restic may mount. RolledBackError if it leads elsewhere, or is gone."""
        found = self.engine.volume(name)
        if found is None or not found.is_plain:
            what = "does not exist" if found is None else "is not in the engine's own directory"
            raise RolledBackError(
                f"the volume {name} {what}, so it cannot be saved",
                field="stack.yml/backup/volumes",
                value=name,
                state="no backup was made; the stack runs as before",
            )
        return name

    def _expire(self, *, now_run: str) -> list[Step]:
        """Remove the runs of this stack on this host that are no longer kept. What goes wrong is a warning."""
        try:
            runs = [
                run
                for run in self.repository.runs()
                if (run.tenant, run.stack, run.host) == (self.stack.tenant, self.stack.name, socket.gethostname())
            ]
        except VsaError as error:
            return [Step("expired", WARNING, f"the runs were not listed: {error.message}")]
        if now_run not in {run.id for run in runs if run.complete}:
            raise RolledBackError(
                f"the repository does not list the run {now_run} that it took",
                field="backup.yml/repository",
                value=self.repository.settings.repository,
                state="nobody knows whether the backup can be read",
            )
        expired = expired_runs(runs, self.repository.settings.keep, now=time_now())
        if not expired:
            return [Step("kept", OK, f"{len(runs)} run(s) of this stack")]
        answer = self.repository.forget([each for run in expired for each in run.snapshots], prune=True)
        if answer.code:
            lines = Words("restic", "\n".join(restic.error_lines(answer.output))).lines(_MOST_LINES)
            return [Step("expired", WARNING, "the repository does not remove old runs", tuple(lines))]
        return [Step("expired", CHANGED, f"{len(expired)} run(s) removed, {len(runs) - len(expired)} kept")]


def _shown(size: int) -> str:
    return f"{size / _MEBIBYTE:.1f} MiB"
