# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack up` before Compose: validate the stack, pull its images, write its folder, and say whether Compose must run.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..._core import forms
from ..._core.errors import RefusedError
from ..._core.hints import Hint, undo_keys
from ..._core.networks import LOKI, is_edge_network, ula_subnet
from ..._core.result import CHANGED, OK, WOULD_CHANGE, Result, Step
from ..._core.run_context import RunContext
from ..._core.stack.compose import COMPOSE
from ..._core.stack.config import Project, refuse_unpinned
from ..._core.stack.docker_api import DOCKER_API, NETWORKS, refuse_docker_api
from ..._core.stack.egress import refuse_egress, refuse_leaking_engine
from ..._core.stack.env import ENV, env_values, parse_env, previous_values, refuse_typed_secrets, stack_variables
from ..._core.stack.files import File, file_path, text_of
from ..._core.stack.manifest import Stack, parse_stack
from ..._core.stack.refused import refuse_images
from ..._core.stack.rolling import refuse_other_sites, refuse_rolling, rolling_services
from ..._core.stack.secrecy import Secrets
from ..._core.stack.sites import active_sites
from ..._core.stack.source import Source, refuse_other_source
from ..._core.stack.takeover import choose_project, refuse_second_start
from ..._core.stack.weaknesses import weaknesses
from ..machine.compose import compose_config
from ..machine.disk import disk_errors_refused, disk_errors_told
from ..machine.docker import FOLDER_LABEL, PROJECT_LABEL, Container, Engine
from ..machine.docker_stack import StackEngine
from ..machine.files import load_yaml, read_json, read_text
from ..store.documents import left_to_a_later_step
from ..store.layout import Paths
from ..store.manifests import manifest_domains
from ..store.stacks import OVERRIDES, StackState, Version, known_stacks
from .folder import MANIFEST, Folder
from .health import own_containers, service_of, unhealthy
from .hooks import hooks_of
from .images import StackImages
from .postgres import refuse_other_postgres
from .reading import ComposeReader, services_of_profiles
from .rolling.replicas import containers_of_sites
from .secrecy import learn_folder, learn_version
from .sites import live_sites, missing_admins, site_options, with_containers
from .verdict import Question, Verdict, keep_allowed, pass_judgement

__all__ = ("Foresight", "StackUpRequest", "prepare")

Foresight = Callable[[Sequence[Mapping[str, Any]]], Sequence[str]]
"""Refuses sites that this host cannot serve, or returns notes about them. Gets the options of each site."""

# More changed files than this are counted, not named.
_NAMED = 3


@dataclass(frozen=True)
class StackUpRequest:
    """The stack that a host should run.

    * ``files``: the files of the stack's folder by relative path. ``env``: variables to set in env/.env.
    * ``tenant``: whose stack it is, None if its stack.yml says so.
    * ``source``: where the files come from, None for those that the host has. ``also``: the other sources in words that
      have a stack of this name.
    * ``own``: whether the stack is one of the collection. All others are judged by the policy.
    * ``typed``: names of those variables whose values stood on a command line, which no secret may.
    * ``pull``: pull every image again, and trust the image that a tag names now. ``build``: build the images again.
    * ``rotate``: names of secrets to make anew.
    * ``allow``: names of findings of the policy that the operator allows for this stack. ``run`` says who that is.
    * ``password``: whether the controller has a password for the first user of paths behind basic auth.
    * ``restoring``: whether the restore of the stack asks, which is not done yet.
    """

    name: str
    files: Mapping[str, File]
    env: Mapping[str, object] = field(default_factory=dict)
    tenant: str | None = None
    source: Source | None = None
    also: tuple[str, ...] = ()
    own: bool = False
    typed: tuple[str, ...] = ()
    pull: bool = False
    build: bool = False
    allow: tuple[str, ...] = ()
    rotate: tuple[str, ...] = ()
    password: bool = False
    restoring: bool = False
    run: RunContext | None = None


@dataclass(frozen=True)
class _Version:
    """The requested version of a stack, read and validated: ``env`` is the text of env/.env."""

    stack: Stack
    folder: Folder
    files: Mapping[str, File]
    env: str
    new_secrets: tuple[str, ...]
    sites: tuple[dict[str, Any], ...]


def prepare(
    request: StackUpRequest,
    *,
    check: bool,
    diff: bool,
    paths: Paths | None = None,
    engine: StackEngine | None = None,
    compose: ComposeReader = compose_config,
    foresee: Foresight | None = None,
) -> Result:
    """Validate the stack, pull its images and write its folder, so that Compose can start it.

    The result's ``up_needed`` says whether Compose must run, ``sites`` are the sites to provision after it.
    RefusedError if the stack is not valid or does not fit the host; nothing is written then. ``foresee`` refuses sites
    that this host could not serve after the start. No text of the result, or of an error, has a secret of the stack.
    """
    paths = paths or Paths()
    secrets = Secrets()
    notes: list[str] = []
    with secrets.kept():
        engine = engine or _connect(check, notes)
        version = _read_version(request, paths, engine, secrets)
        learn_folder(secrets, version.folder, version.stack)
        undo = None if check else _undo(request, version, secrets)
        ready = _Prepared(request, version, paths, engine, compose, foresee)
        result = ready.prepare(notes, check=check, diff=diff)
    if undo is not None:
        result = dataclasses.replace(result, data={**result.data, **undo_keys(undo)})
    return secrets.result(result)


@dataclass(frozen=True)
class _Prepared:
    """A version of a stack, and the host on which it is prepared."""

    request: StackUpRequest
    version: _Version
    paths: Paths
    engine: StackEngine | None
    compose: ComposeReader
    foresee: Foresight | None = None

    def prepare(self, problems: list[str], *, check: bool, diff: bool) -> Result:
        """Judge the version, pull its images, and write it. ``problems`` are notes about the engine."""
        request, version, paths, engine = self.request, self.version, self.paths, self.engine
        _refuse_small_host(paths, version.stack)
        hooks = hooks_of(version.stack.name)
        hooks.refuse_host(paths)
        if engine is not None and not request.restoring:
            _refuse_half_restored(version, paths, engine)
        changes = _changes(version)
        problems += _source_notes(request, version)
        question = Question(
            version.stack, version.files, version.env, own=request.own, allow=request.allow, run=request.run
        )
        with disk_errors_refused():
            verdict = pass_judgement(question, paths=paths, engine=engine, check=check, compose=self.compose)
        project = verdict.project
        unpinned = refuse_unpinned(project, known=() if request.own else version.stack.unpinned)
        if version.stack.name != DOCKER_API:
            refuse_docker_api(project, version.stack.docker_api, where=f"{MANIFEST}/docker_api")
        profiled = services_of_profiles(version.files)
        refuse_egress(project, version.stack.egress, where=f"{MANIFEST}/egress", profiled=profiled)
        if engine is not None and version.stack.egress is not None:
            refuse_leaking_engine(engine.version(), version.stack.egress, where=f"{MANIFEST}/egress")
        refuse_images(project, version.stack.refused_images, where=f"{MANIFEST}/refused_images")
        running = own_containers(engine, version.stack, paths) if engine is not None else []
        if engine is not None and not version.folder.record():
            _refuse_second_start(version, verdict, paths, engine)
        there = containers_of_sites(paths, version.stack, project, running)
        sites = with_containers(version.stack, version.sites, project, there=there)
        self._refuse_rolling(project, sites)
        admins = missing_admins(paths, sites, password=request.password or check)
        if engine is not None and self.foresee is not None:
            problems += self.foresee(sites)
        weak = [] if request.own else weaknesses(verdict.text, rotated=_rotates_logs(paths))
        notes = [*_secret_notes(version), *_override_notes(version), *unpinned, *weak, *problems]
        proven: list[str] = []
        images = {service.name: service.image for service in project.services.values() if not service.builds}
        pulled = StackImages(paths, version.stack)
        if engine is not None:
            hooks.refuse_taken_ports(engine, paths)
            if changes or not _is_verified(version):
                notes += refuse_other_postgres(verdict.text, folder=version.folder, engine=engine)
            if not check:
                hooks.make_networks(engine, paths)
            _ensure_networks(engine, project.networks, check)
            notes += pulled.pull(engine, images.values(), again=request.pull, check=check)
            hooks.refuse_images(engine, paths, images, running)
            if changes:
                # The tasks before the start read the same files of VSA's own.
                with left_to_a_later_step() if hooks.before_start else nullcontext():
                    proven = hooks.answering_sites(engine, paths)
        shown = version.folder.diff(version.files) if diff else None
        moved = _moved(version)
        reason = "its files are new" if changes else _reason_to_start(engine, version, project, running)
        if request.build:
            builds = [service.name for service in project.services.values() if service.builds]
            notes += [] if builds else ["no service of the stack is built, so nothing was built"]
            reason = reason or (f"{', '.join(builds)} is to be built again" if builds else None)
        if not check:
            with disk_errors_told(_half_written(version, running)):
                self._write(verdict, changed=bool(changes))
                pulled.keep(images.values())
                if not request.own:
                    keep_allowed(question, verdict, paths=paths)
                hooks.prepare(paths)
        if reason is None and engine is not None:
            # A run that was cut off after its start was proven.
            moved += hooks.hand_over(engine, paths, check=check)
        if check and reason is not None and engine is not None:
            compose = verdict.text if verdict.labelled else text_of(version.files[COMPOSE])
            notes += hooks.forecast(engine, paths, compose, version.env)
        closed = _closed_sites(version, paths)
        if check and reason is not None:
            notes += [f"{site['domain']} would be provisioned after the start" for site in sites]
            notes += [f"{domain} would be opened again after the start" for domain in closed]
        if check:
            notes += [f"{entry['user']} would be added at {entry['domain']}{entry['route']}" for entry in admins]
        if not check and reason is not None:
            with disk_errors_told(_half_written(version, running)):
                version.folder.note_down(False)
        exists = (version.folder.path / COMPOSE).is_file()
        return Result(
            changed=bool(changes or moved) or verdict.changed,
            steps=(*verdict.steps, _step(version, [*changes, *moved], reason, running, notes, check=check)),
            data={
                "stack": version.stack.name,
                "tenant": version.stack.tenant,
                "project": version.stack.project,
                "folder": str(version.folder.path),
                "compose_files": version.folder.compose_files(),
                "env_file": version.folder.env_file(),
                "before_start": hooks.before_start if exists else None,
                "timeout": version.stack.timeout,
                "up_needed": reason is not None,
                "builds": any(service.builds for service in project.services.values()),
                "fresh": not running,
                "rolling": bool(rolling_services(version.stack)),
                "proven": proven,
                "sites": sites,
                "admins": admins,
                "closed": closed,
            },
            diff=shown,
        )

    def _refuse_rolling(self, project: Project, sites: Sequence[Mapping[str, Any]]) -> None:
        """RefusedError if a rolling service cannot run twice, or if a site leads to it that does not follow it."""
        stack = self.version.stack
        refuse_rolling(stack, project, where=f"{MANIFEST}/deploy")
        if rolling_services(stack):
            refuse_other_sites(stack, project, live_sites(self.paths), declared=[site["domain"] for site in sites])

    def _write(self, verdict: Verdict, *, changed: bool) -> None:
        """Write the version, unless the host has exactly this one."""
        version = self.version
        if self.request.own:
            fresh = Version(version.files, version.env, own_config=verdict.text, runs_own_config=verdict.labelled)
        else:
            fresh = Version(version.files, version.env, judged_config=verdict.text)
        if changed or not version.folder.is_kept(fresh):
            version.folder.write(fresh, source=self.request.source)
        elif self.request.source is not None:
            version.folder.note_source(self.request.source)


def _source_notes(request: StackUpRequest, version: _Version) -> list[str]:
    """Return notes about where the stack comes from. RefusedError if it runs from elsewhere and nobody said so."""
    source, folder = request.source, version.folder
    if source is None:
        return []
    notes = [f"taken from {source.words}; {other} has a stack {request.name} too" for other in request.also]
    kept = folder.source() if folder.should_run() else None
    note = refuse_other_source(request.name, source, kept)
    return [*notes, *([note] if note else [])]


def _rotates_logs(paths: Paths) -> bool:
    """Say whether the engine rotates the log of each container that says nothing else, as bootstrap sets it."""
    found = read_json(Path(paths.root, "etc/docker/daemon.json"))
    options = found.get("log-opts") if isinstance(found, dict) else None
    return isinstance(options, dict) and bool(options.get("max-size"))


def _closed_sites(version: _Version, paths: Paths) -> list[str]:
    """Return the sites of this host that ``stack down`` closed, and that nobody removed since."""
    known = manifest_domains(paths)
    return [domain for domain in version.folder.closed() if domain in known]


def _half_written(version: _Version, running: Sequence[Container]) -> str:
    """Return the state of a host on which not all files of a version could be written. Compose has not run yet."""
    live = f"{', '.join(container.name for container in running)} run as before" if running else "nothing was started"
    return f"{live}; the files of {version.stack.name} may be of two versions, which the same verb completes"


# Read and validate


def _read_version(request: StackUpRequest, paths: Paths, engine: StackEngine | None, secrets: Secrets) -> _Version:
    name = forms.stack_name(request.name)
    files = {file_path(path): file for path, file in request.files.items()}
    if COMPOSE not in files:
        raise RefusedError(f"the stack has no {COMPOSE}", field="stack", value=name, there_are=sorted(files))
    if ENV in files:
        raise RefusedError(
            f"the stack brings {ENV}, which is the host's own file",
            field="files",
            value=ENV,
            expected="settings in .env.example or .env, and --set for what differs on a host",
        )
    files.setdefault(MANIFEST, f"schema: 1\ndescription: {name}\n")
    stack = parse_stack(load_yaml(text_of(files[MANIFEST]), where=MANIFEST), name=name, where=f"{MANIFEST}/")
    refuse_typed_secrets(request.typed, stack)
    stack = _with_identity(stack, request.tenant, paths, engine)
    folder = Folder(paths, stack)
    env, new_secrets = folder.wanted_env(files, env_values(request.env), rotate=request.rotate)
    learn_version(secrets, stack, files, env)
    variables = parse_env(stack_variables(files, env))
    stack = dataclasses.replace(stack, sites=active_sites(stack.sites, variables))
    return _Version(
        stack=stack,
        folder=folder,
        files=files,
        env=env,
        new_secrets=tuple(new_secrets),
        sites=site_options(paths, stack, variables),
    )


def _with_identity(stack: Stack, tenant: str | None, paths: Paths, engine: StackEngine | None) -> Stack:
    """Return the stack with its tenant, and with the Compose project that its containers and volumes have."""
    stack = dataclasses.replace(stack, tenant=forms.tenant(tenant) if tenant else stack.tenant)
    state = StackState(paths, stack.tenant, stack.name)
    folder = str(Path(paths.root, stack.folder))
    containers = engine.containers(labels={FOLDER_LABEL: folder}) if engine is not None else []
    running = {container.labels.get(PROJECT_LABEL, "") for container in containers}
    foreign = running - {state.kept_project()}
    project = choose_project(
        stack.tenant,
        stack.name,
        folder=folder,
        kept=state.kept_project(),
        known=bool(state.record()),
        running=running,
        volumes=engine.kept_volumes() if engine is not None and foreign else (),
    )
    return dataclasses.replace(stack, project=project)


def _refuse_half_restored(version: _Version, paths: Paths, engine: Engine) -> None:
    if paths.restore_journal(version.stack.tenant, version.stack.name).exists():
        from .backup.cut_off import refuse_half_restored  # imported here: a restore is seldom cut off

        refuse_half_restored(paths, version.stack, engine)


def _refuse_second_start(version: _Version, verdict: Verdict, paths: Paths, engine: StackEngine) -> None:
    """RefusedError if the same stack was started without VSA, in another folder or under its bare name."""
    name, project = version.stack.name, version.stack.project
    if project == name or any(StackState(paths, *each).project() == name for each in known_stacks(paths)):
        return
    containers = engine.containers(labels={PROJECT_LABEL: name})
    config = json.loads(verdict.text or "{}")
    refuse_second_start(
        name,
        project,
        services={service.name: service.image for service in verdict.project.services.values()},
        running={service_of(container): container.image for container in containers if container.running},
        folder=containers[0].labels.get(FOLDER_LABEL, "") if containers else "",
        wanted={str(entry.get("name")) for entry in (config.get("volumes") or {}).values()},
        volumes=engine.kept_volumes(),
    )


def _refuse_small_host(paths: Paths, stack: Stack) -> None:
    total = _memory_of(paths)
    if total is not None and total < stack.memory:
        raise RefusedError(
            f"this host has {total >> 20} MiB of memory, and the stack needs {stack.memory >> 20} MiB",
            field="stack",
            value=stack.name,
        )


def _memory_of(paths: Paths) -> int | None:
    """Return the host's memory in bytes, None if the kernel does not say. Source: proc_meminfo(5)."""
    for line in (read_text(Path(paths.root, "proc/meminfo")) or "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return None


# The engine: networks and images


def _connect(check: bool, notes: list[str]) -> StackEngine | None:
    """Return the engine. In check mode a host without an engine gets a note, and None is returned."""
    try:
        return StackEngine()
    except RefusedError as error:
        if not check:
            raise
        notes.append(f"{error.message}: images and containers could not be looked at")
        return None


def _ensure_networks(engine: Engine, networks: Mapping[str, Any], check: bool) -> None:
    """Make the external networks of the Compose file that are VSA's own. RefusedError if another one is missing."""
    for key, entry in networks.items():
        if not isinstance(entry, Mapping) or not entry.get("external"):
            continue
        name = str(entry.get("name", key))
        if check or engine.network(name) is not None:
            continue
        if name == LOKI:
            # Made by the first of the two stacks that meet on it, so that neither needs the other.
            engine.ensure_network(name, labels={"vsa.loki": "1"}, internal=True)
            continue
        if not is_edge_network(name):
            hint = Hint("stack.up", {"name": DOCKER_API}) if name in NETWORKS.values() else None
            raise RefusedError("a network of the stack does not exist", field="networks", value=name, hint=hint)
        engine.ensure_network(name, subnet6=ula_subnet(name), labels={"vsa.edge": "1"})


# Compare


def _changes(version: _Version) -> list[str]:
    """Return what differs on the host, a short text each: files, directories, the environment file."""
    folder = version.folder
    changes = folder.differing(version.files)
    changes += [f"{name} (removed)" for name in folder.stale(version.files)]
    changes += [f"{name}/" for name in folder.directories()]
    if folder.env() != version.env:
        changes.append(ENV)
    return changes


def _undo(request: StackUpRequest, version: _Version, secrets: Secrets) -> Hint | None:
    """Return the verb that takes a change of variables back. None if more than variables changes, or a secret does."""
    before = version.folder.env()
    if before is None or not request.env or request.rotate or _changes(version) != [ENV]:
        return None
    values = previous_values(version.stack, before, env_values(request.env))
    # A single dash would be read from standard input.
    if not values or any(value == "-" or secrets.text(value) != value for value in values.values()):
        return None
    return Hint("stack.set", {"name": version.stack.name, "env": values, "tenant": version.stack.tenant})


def _moved(version: _Version) -> list[str]:
    """Return what this run moves to the place where this release keeps it."""
    state = version.folder.state
    return [f".vsa (moved to {state.path})"] if state.is_old() else []


def _is_verified(version: _Version) -> bool:
    """Say whether this version was healthy last."""
    return version.folder.verified() == version.folder.fingerprint(version.files, version.env)


def _reason_to_start(
    engine: Engine | None, version: _Version, project: Project, running: list[Container]
) -> str | None:
    """Return why Compose must run although no file differs, None if the last good version runs unchanged."""
    if engine is None:
        return "the engine does not answer yet"
    if not _is_verified(version):
        return "its files are new"
    problems = unhealthy(running, project.services.values())
    if problems:
        return problems[0]
    for container in running:
        service = project.services.get(service_of(container))
        if service is None:
            return f"{container.name} belongs to no service any more"
        if engine.image_id(service.image) != container.image_id:
            return f"{container.name} runs another image"
    return None


# Report


def _secret_notes(version: _Version) -> list[str]:
    if not version.new_secrets:
        return []
    return [f"{len(version.new_secrets)} secret(s) made on the host: {', '.join(version.new_secrets)}"]


def _override_notes(version: _Version) -> list[str]:
    """Name a Compose override that somebody put into the folder. Compose would run it unseen, so it is left out."""
    ignored = [name for name in OVERRIDES if version.folder.has_other(name, version.files)]
    if hooks_of(version.stack.name).compose_override or not ignored:
        return []
    return [f"{ignored[0]} in the folder is not run: make it a file of the stack"]


def _step(
    version: _Version,
    changes: list[str],
    reason: str | None,
    running: list[Container],
    notes: list[str],
    *,
    check: bool,
) -> Step:
    path = version.folder.path
    state = OK
    if changes:
        many = f"{len(changes)} file(s) and directories"
        what = many if len(changes) > _NAMED else ", ".join(changes)
        state = WOULD_CHANGE if check else CHANGED
        text = f"{path}: {what} {'would be written' if check else 'written'}"
    elif reason is None:
        text = f"{', '.join(container.name for container in running)} healthy"
    elif check:
        state = WOULD_CHANGE
        text = f"{version.stack.name} would be started: {reason}"
    else:
        text = f"{path} is as it should be"
    return Step("stack", state, text, tuple(notes))
