# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack restore`: bring a stack back as a run of its backup has it, on this host or on a fresh one.

Everything is restored beside what is there and judged first. Then the containers are removed, the data exchanged, and
the dumps loaded into empty databases. The role brings the stack up afterwards.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...._core import forms
from ...._core.errors import NotRolledBackError, RefusedError, RolledBackError, VsaError
from ...._core.hints import Hint
from ...._core.result import CHANGED, OK, WOULD_CHANGE, Result, Step
from ...._core.run_context import RunContext
from ...._core.stack.backup import restic
from ...._core.stack.backup.plan import BackupPlan, plan_backup
from ...._core.stack.backup.runs import BackupRun, choose_run, new_run_id, run_id
from ...._core.stack.config import Service, read_project
from ...._core.stack.env import env_value, parse_env
from ...._core.stack.identity import compose_project
from ...._core.stack.manifest import Stack, parse_stack
from ...._core.times import rfc3339
from ...._core.words import Words
from ...machine.clock import time_now
from ...machine.compose import compose_config, project_options
from ...machine.docker import Container
from ...machine.docker_backup import BackupEngine
from ...machine.files import load_yaml, read_text
from ...machine.walk import walk
from ...store.backups import (
    RestoreJournal,
    forget_restored,
    restore_directory,
    stack_lock,
    take_allowed,
    take_sites,
    take_users,
)
from ...store.layout import Paths
from ...store.stacks import StackState, Version
from ..folder import MANIFEST, Folder
from ..health import own_containers, seconds_left, service_of, settled, unhealthy
from ..reading import ComposeReader, ask_compose, services_of_profiles
from ..up import StackUpRequest, prepare
from .databases import load_database
from .exchange import Exchange, begin_exchange, refuse_used_volumes
from .repository import SAVED, Repository, Task, open_repository, require_settings, unreachable

__all__ = ("RestoreRequest", "restore_stack")

_RESTORED = "/restore"
# What gives files back their owners, modes and kinds, whoever owned the directory before.
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_UNTOUCHED = "nothing of the stack was changed"
_MOST_LINES = 5

RunCompose = Callable[[Sequence[str], int], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class RestoreRequest:
    """The stack to restore.

    * ``run``: the run, None for the newest complete one. ``new_name``: another name for the restored stack.
    * ``tenant``: whose stack it is, needed if several tenants have backups of one of this name.
    * ``allow``: findings of the policy that are allowed for it. ``by`` says who that is.
    """

    name: str
    tenant: str | None = None
    run: str | None = None
    new_name: str | None = None
    allow: tuple[str, ...] = ()
    by: RunContext | None = None


@dataclass(frozen=True)
class _About:
    """What a run says of itself: the databases whose dumps it has, and the keys of its volumes."""

    databases: tuple[str, ...]
    volumes: tuple[str, ...]


def restore_stack(
    request: RestoreRequest,
    *,
    check: bool,
    paths: Paths | None = None,
    engine: BackupEngine | None = None,
    compose: RunCompose | None = None,
    reader: ComposeReader = compose_config,
) -> Result:
    """Restore a stack up to the point from which the role brings it up.

    RefusedError if there is no such run, or if the policy refuses the stack; RolledBackError if the repository does not
    answer. Nothing of the stack was changed then. NotRolledBackError if it fails later: the data of before lie beside.
    """
    paths, engine = paths or Paths(), engine or BackupEngine()
    name = forms.stack_name(request.name)
    wanted = None if request.run is None else run_id(request.run)
    target = forms.stack_name(request.new_name, field="as") if request.new_name else name
    settings = require_settings(paths)
    if settings.password is None:
        raise RefusedError(
            "without the password of the repository nothing can be restored",
            field="backup.yml/password",
            value="(missing)",
            expected="the password that the first backup showed",
        )
    with open_repository(settings, f"restore-{target}", paths=paths, engine=engine) as repository:
        repository.require(make=False)
        run = choose_run(repository.runs(), tenant=request.tenant, stack=name, run=wanted)
        about = _read_about(repository, run)
        if check:
            return _forecast(run, about, target)
        with stack_lock(paths, run.tenant, target):
            return _Restoring(
                request, paths, engine, repository, run, about, target, compose or _compose, reader
            ).restore()


def _forecast(run: BackupRun, about: _About, target: str) -> Result:
    parts = [f"the volume {key}" for key in about.volumes] + [f"the database of {name}" for name in about.databases]
    text = f"{run.tenant}/{target} would be brought to {run.id}: {', '.join([*parts, 'the files'])}"
    return Result(changed=True, steps=(Step("restore", WOULD_CHANGE, text),), data=_data(run, target))


def _data(run: BackupRun, target: str) -> dict[str, Any]:
    return {"stack": target, "tenant": run.tenant, "run": run.id}


def _read_about(repository: Repository, run: BackupRun) -> _About:
    answer = repository.run(Task(["dump", str(run.files), f"{SAVED}/about/about.json"]))
    if answer.code:
        raise unreachable(repository.settings, answer)
    try:
        found = json.loads(answer.stdout)
    except ValueError:
        found = {}
    databases, volumes = (_names(found, key) for key in ("databases", "volumes"))
    missing = sorted(set(databases or ()) - set(run.databases))
    if databases is None or volumes is None or missing:
        raise RefusedError(
            f"the run {run.id} is not whole",
            field="run",
            value=run.id,
            details=[f"the dump of {name} is missing" for name in missing],
            expected="another run",
            hint=Hint("stack.backups", {"name": run.stack}),
        )
    return _About(databases, volumes)


def _names(found: object, key: str) -> tuple[str, ...] | None:
    """Return a list of names, None if the file does not have it as VSA writes it."""
    names = found.get(key) if isinstance(found, Mapping) and found.get("schema") == 1 else None
    if not isinstance(names, list) or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        return None
    return tuple(names)


@dataclass
class _Restoring:
    """One restore under way."""

    request: RestoreRequest
    paths: Paths
    engine: BackupEngine
    repository: Repository
    run: BackupRun
    about: _About
    target: str
    compose: RunCompose
    reader: ComposeReader

    def restore(self) -> Result:
        """Fetch, judge, exchange and load."""
        with self._volumes() as volumes, self._folder() as (restored, identity):
            files = restore_directory(self.paths, self.run.tenant, self.target)
            self._fetch(files, volumes, restored, identity)
            version = self._version(files)
            stack, plan = self._judge(version)
            exchange = self._begin(stack, plan)
            with self._told(exchange, stack, plan):
                exchange.remove_containers()
                exchange.exchange_folder(restored)
                for key, name in {**plan.volumes, **plan.of_databases}.items():
                    exchange.exchange_volume(key, name, volumes.get(key))
                take_allowed(files, (self.run.tenant, self.run.stack), self.paths, (self.run.tenant, self.target))
                if not self.request.new_name:
                    take_users(files, self.paths)
                self._prepare(version, check=False)
                self._load(stack, files)
                sites = [] if self.request.new_name else take_sites(files, self.paths)
            exchange.journal.remove()
            kept = exchange.kept({**plan.volumes, **plan.of_databases}.values())
        forget_restored(self.paths, self.run.tenant, self.target)
        return self._result(plan, sites, kept)

    # Fetch

    @contextmanager
    def _volumes(self) -> Iterator[dict[str, str]]:
        """Give empty volumes into which the volumes of the run are restored; what is left of them goes away."""
        names = {key: f"vsa-restore_{self.run.tenant}_{self.target}_{key}" for key in self.about.volumes}
        for name in names.values():
            self.engine.remove_volume(name)
            self.engine.make_volume(name, labels={"vsa.restore": self.run.id})
        try:
            yield names
        finally:
            for name in names.values():
                self.engine.remove_volume(name)

    @contextmanager
    def _folder(self) -> Iterator[tuple[str, str]]:
        """Give an empty folder beside the stack's own: its name, and its device and inode."""
        name = f".{self.target}.restore"
        with walk(Path(self.paths.root, "srv", self.run.tenant), make=0o755) as tenant:
            tenant.remove(name)
            with tenant.inside(name, make=0o700) as folder:
                found = folder.own_state()
            try:
                yield name, f"{found.st_dev}:{found.st_ino}"
            finally:
                tenant.remove(name)

    def _fetch(self, files: Paths, volumes: Mapping[str, str], restored: str, identity: str) -> None:
        """Restore all files of the run beside what is there."""
        state = files.stack_state(self.run.tenant, self.run.stack)
        state.mkdir(mode=0o700, parents=True)
        folder = Path(self.paths.root, "srv", self.run.tenant, restored)
        binds = [
            f"{Path(files.root, 'about')}:{_RESTORED}/about:rw",
            f"{state}:{_RESTORED}/state:rw",
            f"{folder}:{_RESTORED}/folder:rw",
            *(f"{name}:{_RESTORED}/volumes/{key}:rw" for key, name in volumes.items()),
        ]
        task = Task(
            ["restore", f"{self.run.files}:{SAVED}", "--target", _RESTORED],
            binds=binds,
            capabilities=_CAPABILITIES,
            same=(f"{_RESTORED}/folder", identity),
        )
        answer = self.repository.run(task)
        if answer.code:
            said = "\n".join(restic.error_lines(answer.output))
            raise RolledBackError(
                f"the files of {self.run.id} were not restored",
                field="run",
                value=self.run.id,
                state=_UNTOUCHED,
                details=Words("restic", said).lines(_MOST_LINES),
            )

    def _version(self, files: Paths) -> Version:
        state = StackState(files, self.run.tenant, self.run.stack)
        version = state.good() or state.version()
        if version is None:
            raise RefusedError(f"the run {self.run.id} has no files of a stack", field="run", value=self.run.id)
        return version

    # Judge

    def _prepare(self, version: Version, *, check: bool) -> None:
        """Do what `stack up` does before Compose. With ``check`` the version is judged, and nothing changes."""
        request = StackUpRequest(
            name=self.target,
            files=version.files,
            env=_settable(version.env),
            tenant=self.run.tenant,
            allow=self.request.allow,
            run=self.request.by,
            # The role's own call asks for a password if a path has no user: the data are in their places by then.
            password=True,
            restoring=True,
        )
        prepare(request, check=check, diff=False, paths=self.paths, engine=self.engine, compose=self.reader)

    def _judge(self, version: Version) -> tuple[Stack, BackupPlan]:
        """Return the stack and what is exchanged. RefusedError if the policy refuses it, or an image is missing."""
        take_from = StackState(self.paths, self.run.tenant, self.target)
        text = version.text(MANIFEST)
        stack = parse_stack(load_yaml(text, where=MANIFEST), name=self.target, where=f"{MANIFEST}/")
        project = take_from.kept_project() or compose_project(self.run.tenant, self.target)
        stack = dataclasses.replace(stack, tenant=self.run.tenant, project=project)
        self._prepare(version, check=True)
        config = ask_compose(stack, version.files, version.env, paths=self.paths, compose=self.reader)
        text = json.dumps(config)
        for service in read_project(text).services.values():
            if not service.builds and self.engine.image_id(service.image) is None:
                self.engine.pull(service.image)
        plan = plan_backup(stack.backup, text, profiled=services_of_profiles(version.files))
        chosen = {key: name for key, name in plan.volumes.items() if key in self.about.volumes}
        plan = dataclasses.replace(plan, volumes=chosen)
        refuse_used_volumes(stack, {**plan.volumes, **plan.of_databases}, self.engine)
        return stack, plan

    # Exchange and load

    def _begin(self, stack: Stack, plan: BackupPlan) -> Exchange:
        return begin_exchange(
            stack,
            Folder(self.paths, stack),
            self.engine,
            RestoreJournal(self.paths, stack.tenant, stack.name, saved=self.run.stack),
            run=self.run.id,
            now=new_run_id(time_now(), secrets.token_hex(2)),
            databases=plan.databases,
        )

    @contextmanager
    def _told(self, exchange: Exchange, stack: Stack, plan: BackupPlan) -> Iterator[None]:
        """Turn what goes wrong from here on into an error that says where the data of before are."""
        try:
            yield
        except (VsaError, OSError) as error:
            said = error.message if isinstance(error, VsaError) else f"{error.strerror}: {error.filename}"
            raise NotRolledBackError(
                f"{self.target} is not restored: {said}",
                field="stack",
                value=self.target,
                state=self._state_now(exchange, stack, plan),
                details=error.details if isinstance(error, VsaError) else (),
                hint=Hint("stack.restore", {"name": self.request.name, "run": self.run.id}),
            ) from error

    def _state_now(self, exchange: Exchange, stack: Stack, plan: BackupPlan) -> str:
        """Return which containers the stack has, and where the data of before are, after a restore that failed."""
        try:
            found = own_containers(self.engine, stack, self.paths)
            kept = exchange.kept({**plan.volumes, **plan.of_databases}.values())
        except (VsaError, OSError):
            return "which of its containers and data are there was not seen"
        there = ", ".join(f"{container.name} is {container.status}" for container in found)
        containers = f"only {there}" if there else "its containers are removed"
        return f"{containers}, and {_data_of_before(kept)}"

    def _databases(self, stack: Stack) -> list[Container]:
        """Return the containers of the databases."""
        found = own_containers(self.engine, stack, self.paths)
        return [container for container in found if service_of(container) in self.about.databases]

    def _looked_at(self, stack: Stack) -> tuple[list[Container], list[str]]:
        """Return the containers of the databases, and what is wrong with them."""
        containers = self._databases(stack)
        return containers, unhealthy(containers, [Service(name, image="") for name in self.about.databases])

    def _load(self, stack: Stack, files: Paths) -> None:
        """Start the databases alone, and load their dumps."""
        if not self.about.databases:
            return
        folder = Folder(self.paths, stack)
        options = project_options(stack.project, folder.path, folder.compose_files(), folder.env_file())
        waiting = ["--detach", "--wait", "--wait-timeout", str(stack.timeout), "--pull", "never"]
        argv = ["docker", "compose", *options, "up", *waiting, *self.about.databases]
        done = self.compose(argv, stack.timeout + 60)
        # Compose gives up at the first health check that failed often enough, as while PostgreSQL makes a new cluster.
        left = seconds_left(stack, self._databases(stack))
        problems = settled(lambda: self._looked_at(stack), healing=left, otherwise=0.0)
        if problems:
            raise RolledBackError(
                "the databases do not start",
                field="stack.yml/backup/databases",
                value=", ".join(self.about.databases),
                details=[*problems, *Words("Compose", done.stderr).lines(_MOST_LINES)],
            )
        containers = {service_of(found): found.name for found in self._databases(stack)}
        for service in self.about.databases:
            roles = read_text(Path(files.root, "about", f"roles-{service}.sql")) or ""
            load_database(
                self.repository,
                containers[service],
                roles,
                snapshot=self.run.databases[service],
                filename=f"/{service}.dump",
            )

    def _result(self, plan: BackupPlan, sites: Sequence[str], kept: Sequence[str]) -> Result:
        age = rfc3339(self.run.time)
        parts = [f"the volume {key}" for key in plan.volumes]
        text = f"{self.run.id} of {age}: {', '.join([*parts, 'the files'])}"
        steps = [Step("restore", CHANGED, text, tuple(f"what was there is kept: {name}" for name in kept))]
        steps += [Step("database", CHANGED, f"{name}: the dump is loaded") for name in self.about.databases]
        if self.request.new_name:
            steps.append(Step("sites", OK, f"none: the sites of {self.run.stack} stay where they are"))
        data = {**_data(self.run, self.target), "restored_sites": list(sites), "kept_data": list(kept)}
        return Result(changed=True, steps=tuple(steps), data=data)


def _data_of_before(kept: Sequence[str]) -> str:
    """Return where the data of before are, for the error of a restore that failed."""
    return f"its data of before lie in {', '.join(kept)}" if kept else "there were no data before"


def _settable(env: str) -> dict[str, object]:
    """Return the variables of an environment file that VSA can write. All others come back with the file itself."""
    found: dict[str, object] = {}
    for name, value in parse_env(env).items():
        try:
            found[name] = env_value(value, field=name)
        except RefusedError:
            continue
    return found


def _compose(argv: Sequence[str], seconds: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # pylint: disable=ansible-bad-function  # module_utils have no module to call
        list(argv), capture_output=True, text=True, errors="replace", timeout=seconds, check=False
    )
