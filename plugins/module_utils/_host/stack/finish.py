# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack up` after Compose: verify that the containers are healthy, or restore the last good version.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NoReturn

from ..._core.errors import NotRolledBackError, RolledBackError
from ..._core.hints import Hint
from ..._core.result import CHANGED, OK, WARNING, Result, Step
from ..._core.stack.compose import COMPOSE, images
from ..._core.stack.env import parse_env
from ..._core.stack.manifest import Stack
from ..machine.docker import Engine
from ..machine.files import load_yaml
from ..store.layout import Paths
from .folder import Folder, find_stack
from .health import containers_of, diagnosis, unhealthy
from .hooks import hooks_of

__all__ = ("StackVerifyRequest", "restore", "services_of", "verify")

# Compose sees a container healthy a moment before the engine reports it, and a site answers a moment later still.
_SETTLE_SECONDS = 15.0
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class StackVerifyRequest:
    """What is known of a start by Compose.

    * ``proven``: domains that the stack served before the start, and must serve after it.
    * ``started``: whether Compose changed a container.
    * ``failure``: why Compose failed, None if it did not; ``restored`` then says whether the last good version was
      restored and started, and ``details`` are further lines for the error.
    """

    name: str
    proven: tuple[str, ...] = ()
    started: bool = False
    failure: str | None = None
    restored: bool = False
    details: tuple[str, ...] = ()


def verify(request: StackVerifyRequest, *, paths: Paths | None = None, engine: Engine | None = None) -> Result:
    """Wait until the stack is healthy, and keep this version as the last good one.

    RolledBackError if the start failed and the restored version is healthy; NotRolledBackError if the stack is not
    healthy, or if the start failed and no earlier version was restored.
    """
    paths, engine = paths or Paths(), engine or Engine()
    folder, stack = find_stack(paths, request.name)
    problems = _wait(engine, paths, folder, stack, request.proven)
    if request.failure:
        _raise_failure(request, request.failure, problems)
    if problems:
        raise NotRolledBackError(
            f"{stack.name} is not healthy: {problems[0]}",
            field="stack",
            value=stack.name,
            state="it was started and is not healthy",
            details=diagnosis(engine, stack),
            hint=Hint("stack.logs", {"name": stack.name}),
        )
    folder.remember_good(folder.present(), folder.env() or "")
    names = ", ".join(container.name for container in containers_of(engine, stack))
    text = f"{names} healthy"
    if request.proven:
        text += f", {len(request.proven)} site(s) proven"
    step = Step("stack", CHANGED if request.started else OK, text)
    return Result(changed=request.started, steps=(step,), data={"stack": stack.name})


def _wait(engine: Engine, paths: Paths, folder: Folder, stack: Stack, proven: tuple[str, ...]) -> list[str]:
    """Return the problems of a stack after it had time to settle; empty as soon as it has none."""
    services = services_of(folder)
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        problems = unhealthy(containers_of(engine, stack), services)
        if proven and not problems:
            answering = hooks_of(stack.name).answering_sites(engine, paths)
            silent = [domain for domain in proven if domain not in answering]
            problems = [f"{domain} answered before and does not now" for domain in silent]
        if not problems or time.monotonic() > deadline:
            return problems
        time.sleep(_PAUSE_SECONDS)


def services_of(folder: Folder) -> tuple[str, ...]:
    """Return the services of the Compose file in a stack's folder."""
    compose = load_yaml(folder.present().get(COMPOSE, ""), where=COMPOSE)
    return tuple(images(compose, parse_env(folder.env() or "")))


def _raise_failure(request: StackVerifyRequest, failure: str, problems: list[str]) -> NoReturn:
    rolled_back = request.restored and not problems
    if rolled_back:
        error: type[RolledBackError | NotRolledBackError] = RolledBackError
        state = "rolled back: the previous version runs and is healthy"
    else:
        error = NotRolledBackError
        state = f"its containers are as the failed start left them: {'; '.join(problems) or 'running'}"
    raise error(
        f"{request.name} did not become healthy: {failure}",
        field="stack",
        value=request.name,
        state=state,
        details=request.details,
        hint=Hint("stack.logs", {"name": request.name}),
    )


def restore(name: str, *, paths: Paths | None = None, engine: Engine | None = None) -> Result:
    """Restore the files of the last good version, after Compose failed.

    The result's ``restored`` is false if there is no earlier version, or if it is the one that failed.
    """
    folder, stack = find_stack(paths or Paths(), name)
    details = diagnosis(engine or Engine(), stack)
    good = folder.good()
    failed = (folder.present(), folder.env() or "")
    if good is None or good == failed:
        return Result(data={"restored": False, "details": details})
    copy = folder.keep_refused(*failed)
    folder.write(*good)
    note = f"what did not work is kept in {copy.parent}"
    step = Step("stack", WARNING, "the previous version is restored", (note,))
    return Result(changed=True, steps=(step,), data={"restored": True, "details": [*details, note]})
