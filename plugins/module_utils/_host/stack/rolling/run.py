# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``deploy: rolling``: bring the new version of a stack's services without a failed request.

Theory of operation
-------------------

Nothing is noted down. Each run looks at the containers and decides anew (``plan_roll``), so a run that is killed is
finished by the next ``stack up``, of this version or of another one:

=========  ==============================================  ===========  ====================================
step       what the step does                              sites lead   what the next run does after a kill
=========  ==============================================  ===========  ====================================
build      build the images                                to the old   the same again
others     let Compose bring all other services            to the old   the same again
start      start the missing containers beside the old     to the old   starts what is still missing
healthy    wait until they are healthy                     to the old   waits for them
switch     the proxy learns the new names, then moves      to the new   the transactions recover, see commit.py
drain      wait for NGINX's workers of before              to the new   drains again
stop       stop and remove the old containers              to the new   removes what is left
=========  ==============================================  ===========  ====================================

A version that does not become healthy is removed before the switch: the old containers never stopped serving. Compose
never scales down here: which container it would remove differs between its versions.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...._core.errors import NotRolledBackError, VsaError
from ...._core.result import CHANGED, Result, Step, joined
from ...._core.run_context import RunContext
from ...._core.stack.config import Project
from ...._core.stack.manifest import Stack
from ...._core.stack.rolling import Replica, Roll, rolling_services
from ...._core.stack.secrecy import Secrets
from ...machine.compose_run import ComposeProject
from ...machine.docker import Container
from ...machine.docker_stack import StackEngine
from ...proxy.transaction import Proxy
from ...store.layout import Paths
from ..folder import Folder, find_stack
from ..health import diagnosis, is_healthy, own_containers, service_of, unhealthy
from ..reading import project_of
from ..secrecy import learn_folder
from ..sites import containers_led_to
from .drain import wait_for_old_workers
from .replicas import plan_rolls, wanted_hashes
from .switch import switch_sites

if TYPE_CHECKING:
    from ...proxy.protocols import ProxyNginx

__all__ = ("RollRequest", "roll")

_PAUSE_SECONDS = 0.5
# A container that ended so often does not become healthy by waiting.
_MOST_RESTARTS = 3
# Beyond the time for health: Compose itself waits for the services that others depend on.
_COMPOSE_SECONDS = 1800
_LINES = 3

Hashes = Callable[[Folder, Stack], dict[str, str]]


@dataclass(frozen=True)
class RollRequest:
    """The stack whose services are to be rolled. ``templates``: the text of each template of the role ``vhost``."""

    name: str
    run: RunContext
    templates: Mapping[str, str]
    tenant: str | None = None


def roll(
    request: RollRequest,
    *,
    paths: Paths | None = None,
    engine: StackEngine | None = None,
    proxy: Proxy | None = None,
    compose: ComposeProject | None = None,
    hashes: Hashes = wanted_hashes,
    on_step: Callable[[str], None] = lambda step: None,
) -> Result:
    """Replace the containers of the rolling services.

    The result's ``compose_needed`` is true if Compose has to do the rest, or all of it: nothing runs yet, say.

    NotRolledBackError if a new container is not healthy, or the switch failed: the containers of before serve on.
    No text has a secret of the stack. ``on_step`` is called before each step: tests kill the process there.
    """
    paths, engine = paths or Paths(), engine or StackEngine()
    folder, stack = find_stack(paths, request.name, tenant=request.tenant)
    secrets = Secrets()
    learn_folder(secrets, folder, stack)
    with secrets.kept():
        project = project_of(stack, folder.version(), paths=paths)
        compose = compose or ComposeProject(
            stack.project, str(folder.path), tuple(folder.compose_files()), folder.env_file()
        )
        proxy = proxy or Proxy(engine, paths)
        roller = _Roller(request, paths, engine, proxy, compose, folder, stack, project, hashes, on_step)
        return secrets.result(roller.roll())


@dataclass(frozen=True)
class _Roller:
    request: RollRequest
    paths: Paths
    engine: StackEngine
    proxy: Proxy
    compose: ComposeProject
    folder: Folder
    stack: Stack
    project: Project
    hashes: Hashes
    on_step: Callable[[str], None]

    def roll(self) -> Result:
        """Do all steps. A stack that does not run yet is left to Compose."""
        if not any(container.running for container in self._containers()):
            return self._result(Result(), compose_needed=True)
        self._build()
        if not any(plan.needed for plan in self._plans()):
            return self._result(Result(), compose_needed=True)
        self._bring_others()
        plans = self._start([plan for plan in self._plans() if plan.needed])
        done = self._switch_or_give_up(plans)
        self.on_step("drain")
        seconds = wait_for_old_workers(self._nginx, seconds=self.stack.drain)
        self.on_step("stop")
        self._remove([replica for plan in plans for replica in plan.leaving])
        result = joined(done, Result(changed=True, steps=(_step(plans, seconds),)))
        return self._result(result, compose_needed=self._has_orphans())

    @property
    def _nginx(self) -> ProxyNginx:
        return self.proxy.nginx

    def _result(self, result: Result, *, compose_needed: bool) -> Result:
        data = {"stack": self.stack.name, "compose_needed": compose_needed}
        return Result(changed=result.changed, steps=result.steps, data=data)

    def _has_orphans(self) -> bool:
        """Say whether a container belongs to no service any more. Compose alone knows which of them it removes."""
        containers = own_containers(self.engine, self.stack, self.paths)
        return any(service_of(container) not in self.project.services for container in containers)

    # Look

    def _containers(self) -> list[Container]:
        """Return the containers of the rolling services."""
        return self._containers_of(rolling_services(self.stack))

    def _containers_of(self, services: Collection[str]) -> list[Container]:
        return [found for found in own_containers(self.engine, self.stack, self.paths) if service_of(found) in services]

    def _plans(self) -> list[Roll]:
        hashes = self.hashes(self.folder, self.stack)
        served = containers_led_to(self.paths)
        return plan_rolls(self.engine, self.paths, self.stack, self.project, hashes=hashes, served=served)

    # Compose

    def _build(self) -> None:
        """Build the images, so that it is known which containers are of another one."""
        if any(service.builds for service in self.project.services.values()):
            self.on_step("build")
            self._compose("build")

    def _bring_others(self) -> None:
        """Let Compose bring the services that do not roll, and wait for them: a new container may need them."""
        others = sorted(set(self.project.services) - set(rolling_services(self.stack)))
        if not others:
            return
        self.on_step("others")
        self._compose("up", "--detach", "--no-deps", "--pull", "never", *others)
        deadline = time.monotonic() + self.stack.timeout
        while problems := self._problems_of(others):
            if time.monotonic() > deadline:
                self._fail(problems[0], self._diagnosis())
            time.sleep(_PAUSE_SECONDS)

    def _problems_of(self, others: list[str]) -> list[str]:
        services = [self.project.services[name] for name in others]
        containers = self._containers_of(others)
        problems = unhealthy(containers, services)
        once = {service.name for service in services if service.once}
        running = [found.name for found in containers if found.running and service_of(found) in once]
        return [*problems, *(f"{name} runs still" for name in running)]

    def _compose(self, *words: str) -> None:
        said = self.compose.run(*words, seconds=_COMPOSE_SECONDS + self.stack.timeout)
        if said is not None:
            self._fail(f"Compose says: {said.shown}", [*self._diagnosis(), *said.lines(_LINES)])

    def _diagnosis(self) -> list[str]:
        return diagnosis(self.engine, self.stack, self.project, self.paths)

    def _fail(self, problem: str, details: Sequence[str]) -> None:
        raise NotRolledBackError(
            f"{self.stack.name} is not healthy: {problem}",
            field="stack",
            value=self.stack.name,
            state="the containers of before serve the sites",
            details=details,
        )

    # Start

    def _start(self, plans: list[Roll]) -> list[Roll]:
        """Start the missing containers beside the old ones, and wait until all that stay are healthy.

        Returns the plans with the new containers. Those are removed again if one of them is not healthy.
        """
        self.on_step("start")
        self._remove([replica for plan in plans for replica in plan.stale])
        starting = [plan for plan in plans if plan.starts]
        if starting:
            names = [plan.service for plan in starting]
            scales = [word for plan in starting for word in ("--scale", f"{plan.service}={plan.scale}")]
            options = ("--detach", "--no-deps", "--no-recreate", "--pull", "never")
            said = self.compose.run("up", *options, *scales, *names, seconds=_COMPOSE_SECONDS)
            if said is not None:
                self._give_up(plans, f"Compose says: {said.shown}", said.lines(_LINES))
        self.on_step("healthy")
        self._wait(plans)
        return [self._with_new(plan) for plan in plans]

    def _with_new(self, plan: Roll) -> Roll:
        """Return a plan whose ``keep`` are all containers of the service but those that leave."""
        keep = tuple(Replica(found.name, found.id, current=True) for found in self._staying(plan))
        return dataclasses.replace(plan, keep=keep, missing=0)

    def _staying(self, plan: Roll) -> list[Container]:
        leaving = {replica.id for replica in plan.leaving}
        return [container for container in self._containers_of((plan.service,)) if container.id not in leaving]

    def _wait(self, plans: list[Roll]) -> None:
        deadline = time.monotonic() + self.stack.timeout
        while True:
            problem, final = self._problem_of_new(plans)
            if problem is None:
                return
            if final or time.monotonic() > deadline:
                self._give_up(plans, problem, self._diagnosis())
            time.sleep(_PAUSE_SECONDS)

    def _problem_of_new(self, plans: list[Roll]) -> tuple[str | None, bool]:
        """Return what is wrong with the containers that stay, and whether waiting does not help."""
        for plan in plans:
            found = self._staying(plan)
            if len(found) < self.project.services[plan.service].replicas:
                return f"{plan.service} has {len(found)} new containers", False
            for container in found:
                if not is_healthy(container):
                    state = container.health if container.running else container.status
                    ended = container.status in ("exited", "dead") or container.restarts >= _MOST_RESTARTS
                    return f"{container.name} is {state}", ended
        return None, False

    def _give_up(self, plans: list[Roll], problem: str, details: Sequence[str]) -> None:
        """Remove the new containers, and raise the error."""
        self._remove_new(plans)
        self._fail(problem, details)

    def _remove_new(self, plans: list[Roll]) -> None:
        """Remove the new containers that serve no site."""
        served = containers_led_to(self.paths)
        found = [container for plan in plans for container in self._staying(plan)]
        self._remove([Replica(one.name, one.id, current=True) for one in found if one.name not in served])

    # Switch and stop

    def _switch_or_give_up(self, plans: list[Roll]) -> Result:
        try:
            return self._switch(plans)
        except VsaError:
            self._remove_new(plans)
            raise

    def _switch(self, plans: list[Roll]) -> Result:
        self.on_step("switch")
        moves = {replica.name: plan.keep[0].name for plan in plans for replica in (*plan.leaving, *plan.stale)}
        return switch_sites(self.paths, self.proxy, moves, run=self.request.run, templates=self.request.templates)

    def _remove(self, replicas: list[Replica]) -> None:
        """Stop and remove containers. Their volumes stay, also those without a name: Compose keeps them too."""
        for replica in replicas:
            self.engine.stop(replica.id)
            self.engine.remove_stopped(replica.id)


def _step(plans: list[Roll], seconds: float) -> Step:
    new = ", ".join(replica.name for plan in plans for replica in plan.keep)
    old = ", ".join(replica.name for plan in plans for replica in (*plan.leaving, *plan.stale))
    return Step("rolling", CHANGED, f"{new} in the place of {old}, drained in {seconds:.0f} s")
