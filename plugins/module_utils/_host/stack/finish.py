# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack up` after Compose: verify that the containers are healthy, or restore the last good version.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ..._core.errors import NotRolledBackError, RefusedError, RolledBackError
from ..._core.hints import Hint
from ..._core.result import CHANGED, OK, WARNING, Result, Step
from ..._core.stack.config import Project
from ..._core.stack.env import parse_env, stack_variables
from ..._core.stack.manifest import Stack
from ..._core.stack.rolling import rolling_services
from ..._core.stack.secrecy import Secrets
from ..._core.stack.sites import active_sites
from ..._core.words import Words
from ..machine.compose import compose_config
from ..machine.compose_hash import config_hashes
from ..machine.disk import disk_errors_told
from ..machine.docker import Container, Engine
from ..store.layout import Paths
from .folder import Folder, find_stack
from .health import diagnosis, own_containers, seconds_left, service_of, settled, unhealthy
from .hooks import hooks_of
from .host_ports import open_host_ports
from .reading import ComposeReader, project_of
from .reloading import services_to_reload
from .rolling.replicas import containers_of_sites
from .secrecy import learn_folder
from .sites import site_options, with_containers
from .verdict import Question, pass_judgement

__all__ = ("StackVerifyRequest", "forget_closed", "leave_networks", "restore", "verify")

# Compose sees a container healthy a moment before the engine reports it, and a site answers a moment later still.
_SETTLE_SECONDS = 15.0
# How long a container may take to come back by itself after Compose gave up.
_SECOND_LOOK_SECONDS = 3.0
_HASH = "com.docker.compose.config-hash"
# Lines of Compose's own words in a note.
_LINES = 3


@dataclass(frozen=True)
class StackVerifyRequest:
    """What is known of a start by Compose.

    * ``proven``: domains that the stack served before the start, and must serve after it.
    * ``started``: whether Compose changed a container. ``complaint``: what Compose said if it ended with an error; the
      containers then decide whether the start failed.
    * ``failure``: why the start failed, None if it did not. ``restored`` then says whether the last good version was
      restored and started, ``removed`` whether the containers of a first version were removed, and ``details`` are
      further lines for the error.
    """

    name: str
    tenant: str | None = None
    proven: tuple[str, ...] = ()
    started: bool = False
    complaint: str | None = None
    failure: str | None = None
    restored: bool = False
    removed: bool = False
    details: tuple[str, ...] = ()

    @property
    def gave_up(self) -> bool:
        """Say whether Compose ended with an error, and the containers have to decide."""
        return bool(self.complaint) and not self.failure

    def why(self) -> str:
        """Return why the start failed, without the name of the stack."""
        return str(self.failure).removeprefix(f"{self.name} is not healthy: ")

    def words(self) -> list[str]:
        """Return what Compose said if it ended with an error."""
        return Words("Compose", self.complaint).lines(_LINES) if self.complaint else []


def verify(request: StackVerifyRequest, *, paths: Paths | None = None, engine: Engine | None = None) -> Result:
    """Wait until the stack is healthy, and keep this version as the last good one.

    RolledBackError if the start failed, and the restored version is healthy or a first version was removed;
    NotRolledBackError if the stack is not healthy, or if the start failed and the version stays. No text has a secret
    of the stack.
    """
    paths, engine = paths or Paths(), engine or Engine()
    folder, stack = find_stack(paths, request.name, tenant=request.tenant)
    secrets = Secrets()
    learn_folder(secrets, folder, stack)
    with secrets.kept():
        return secrets.result(_verify(request, folder, stack, paths=paths, engine=engine))


def _verify(request: StackVerifyRequest, folder: Folder, stack: Stack, *, paths: Paths, engine: Engine) -> Result:
    hooks_of(stack.name).after_start(engine, paths)
    if request.failure and request.removed:
        _raise_removed(request, folder)
    project = project_of(stack, folder.version(), paths=paths)
    reloaded = [] if request.failure else _reload(engine, paths, folder, stack)
    problems = _wait(engine, paths, stack, project, request)
    if request.gave_up and not problems:
        problems = _of_before(folder, stack, own_containers(engine, stack, paths))
    if request.failure:
        _raise_failure(request, problems, folder)
    complaint = request.words()
    if problems:
        raise NotRolledBackError(
            f"{stack.name} is not healthy: {problems[0]}",
            field="stack",
            value=stack.name,
            state="it was started and is not healthy",
            details=[*diagnosis(engine, stack, project, paths), *complaint],
            hint=Hint("stack.logs", {"name": stack.name}),
        )
    live = f"{stack.name} runs and is healthy"
    with disk_errors_told(f"{live}; this version is not kept yet as the one that a failed start goes back to"):
        folder.remember_good()
    with disk_errors_told(f"{live}; the firewall does not open its host_ports yet"):
        open_host_ports(engine, paths, stack)
    # Only now: a start that fails goes back to the version of before, which may lack what this needs.
    handed = hooks_of(stack.name).hand_over(engine, paths, check=False)
    names = ", ".join(container.name for container in own_containers(engine, stack, paths))
    text = f"{names} healthy"
    if request.proven:
        text += f", {len(request.proven)} site(s) proven"
    changed = request.started or bool(handed or reloaded)
    steps = [Step("stack", CHANGED if changed else OK, text, (*reloaded, *handed))]
    if stack.alerts:
        steps += _ensure_alerts(paths)
    if complaint:
        words = "Compose ended with an error, and every container is healthy"
        steps.append(Step("start", WARNING, words, tuple(complaint)))
    data = {"stack": stack.name, **_sites_of_rolling(engine, paths, folder, stack, project)}
    return Result(changed=changed, steps=tuple(steps), data=data)


def _sites_of_rolling(
    engine: Engine, paths: Paths, folder: Folder, stack: Stack, project: Project
) -> dict[str, list[dict[str, Any]]]:
    """Return the sites with the containers of rolling services as they are called now; nothing for any other stack."""
    if not rolling_services(stack):
        return {}
    version = folder.version()
    variables = parse_env(stack_variables(version.files, version.env))
    stack = dataclasses.replace(stack, sites=active_sites(stack.sites, variables))
    options = site_options(paths, stack, variables)
    there = containers_of_sites(paths, stack, project, own_containers(engine, stack, paths))
    return {"sites": with_containers(stack, options, project, there=there)}


def _ensure_alerts(paths: Paths) -> list[Step]:
    from .alerts.install import ensure_alerts  # imported here: few stacks have alerts

    step = ensure_alerts(Path(paths.root))
    return [step] if step else []


def _reload(engine: Engine, paths: Paths, folder: Folder, stack: Stack) -> list[str]:
    """Tell the services whose mounted files changed, and which are told by a signal. Returns a note for each.

    The signal does not go by the engine: the engine takes a container that it signalled for one that somebody stopped,
    and does not start it after a crash.
    """
    notes = []
    for entry in services_to_reload(stack, folder.version(), folder.good(), paths=paths):
        for container in own_containers(engine, stack, paths):
            if service_of(container) == entry.service and container.running and container.pid:
                os.kill(container.pid, getattr(signal, f"SIG{entry.signal}"))
                notes.append(f"{container.name} was told by {entry.signal} to read its files again")
    return notes


def _raise_removed(request: StackVerifyRequest, folder: Folder) -> NoReturn:
    """Tell that the first version of a stack did not start, and that nothing of it runs."""
    folder.note_down(True)
    raise RolledBackError(
        f"{request.name} did not become healthy: {request.why()}",
        field="stack",
        value=request.name,
        state="rolled back: it never ran before, so its containers are removed; its folder and volumes stay",
        details=[*request.details, *request.words()],
        hint=Hint("stack.up", {"name": request.name}, note="after the cause is mended"),
    )


def leave_networks(
    name: str, *, tenant: str | None = None, paths: Paths | None = None, engine: Engine | None = None
) -> Result:
    """Leave the networks that would slow down the start by Compose; ``verify`` joins them again."""
    paths, engine = paths or Paths(), engine or Engine()
    _folder, stack = find_stack(paths, name, tenant=tenant)
    left = hooks_of(stack.name).leave_networks(engine, paths)
    return Result(changed=bool(left), data={"stack": stack.name, "left": left})


def _wait(engine: Engine, paths: Paths, stack: Stack, project: Project, request: StackVerifyRequest) -> list[str]:
    """Return the problems of a stack after it had time to settle, its health checks as long as the stack gives them."""

    def look() -> tuple[list[Container], list[str]]:
        containers = own_containers(engine, stack, paths)
        problems = unhealthy(containers, project.services.values())
        if request.proven and not problems:
            answering = hooks_of(stack.name).answering_sites(engine, paths)
            silent = [domain for domain in request.proven if domain not in answering]
            problems = [f"{domain} answered before and does not now" for domain in silent]
        return containers, problems

    left = seconds_left(stack, own_containers(engine, stack, paths))
    soon = _SECOND_LOOK_SECONDS if request.gave_up else _SETTLE_SECONDS
    return settled(look, healing=max(_SETTLE_SECONDS, left), otherwise=soon)


def _of_before(folder: Folder, stack: Stack, containers: list[Container]) -> list[str]:
    """Return the containers that Compose did not bring to this version: healthy, and of the version before."""
    wanted = config_hashes(str(folder.path), folder.compose_files(), folder.env_file(), project=stack.project)
    return [
        f"{container.name} still runs the version of before"
        for container in containers
        if container.labels.get(_HASH) != wanted.get(service_of(container))
    ]


def forget_closed(name: str, *, tenant: str | None = None, paths: Paths | None = None) -> Result:
    """Note that the sites that ``stack down`` closed are open again."""
    folder, stack = find_stack(paths or Paths(), name, tenant=tenant)
    with disk_errors_told(f"the sites of {stack.name} are open; that is not noted"):
        folder.note_closed(())
    return Result(data={"stack": stack.name})


def _raise_failure(request: StackVerifyRequest, problems: list[str], folder: Folder) -> NoReturn:
    rolled_back = request.restored and not problems
    if rolled_back:
        error: type[RolledBackError | NotRolledBackError] = RolledBackError
        state = "rolled back: the previous version runs and is healthy"
    else:
        error = NotRolledBackError
        state = f"its containers are as the failed start left them: {'; '.join(problems) or 'running'}"
    closed = folder.closed()
    if closed:
        state += f"; still closed for maintenance: {', '.join(closed)}"
    raise error(
        f"{request.name} did not become healthy: {request.why()}",
        field="stack",
        value=request.name,
        state=state,
        details=[*request.details, *request.words()],
        hint=Hint("stack.logs", {"name": request.name}),
    )


def restore(
    name: str,
    *,
    tenant: str | None = None,
    paths: Paths | None = None,
    engine: Engine | None = None,
    compose: ComposeReader = compose_config,
) -> Result:
    """Restore the files of the last good version, after Compose failed.

    The result's ``restored`` is false if there is no earlier version, or if it is the one that failed. No text has a
    secret of the stack: the details are the last lines of its containers' logs.
    """
    paths = paths or Paths()
    folder, stack = find_stack(paths, name, tenant=tenant)
    secrets = Secrets()
    learn_folder(secrets, folder, stack)
    good = folder.good()
    failed = folder.version()
    project = project_of(stack, failed, paths=paths)
    engine = engine or Engine()
    details = [secrets.text(line) for line in diagnosis(engine, stack, project, paths)]
    # A run before this one restored a part, and the disk did not let it go on.
    half = good == failed and (bool(folder.differing(failed.files)) or folder.env() != failed.env)
    if good is None or (good == failed and not half):
        return Result(data={"restored": False, "first": good is None, "details": details})
    if failed.judged_config and not good.judged_config:
        # An earlier release kept it, or somebody who can write into the folder.
        try:
            verdict = pass_judgement(
                Question(stack, good.files, good.env), paths=paths, engine=engine, check=False, compose=compose
            )
        except RefusedError as error:
            why = [secrets.text(line) for line in (f"the version before does not run: {error.message}", *error.details)]
            return Result(data={"restored": False, "first": False, "details": [*details, *why]})
        good = dataclasses.replace(good, judged_config=verdict.text)
    left = f"the files of {name} are not all those of the last good version, and its containers are not restored"
    with disk_errors_told(left):
        if not half:
            folder.keep_refused(failed)
        folder.write(good)
    note = f"what did not work is kept in {folder.state.path}"
    step = Step("stack", WARNING, "the previous version is restored", (note,))
    return Result(changed=True, steps=(step,), data={"restored": True, "first": False, "details": [*details, note]})
