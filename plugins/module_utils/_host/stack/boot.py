# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a boot: start the last proven version of each of VSA's own containers that does not run.

A power cut while Compose recreates a container leaves the old one stopped and the new one not started, and Docker
starts neither. boot_install.py has a systemd unit run main() after Docker, without a controller.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

from ..._core.errors import VsaError
from ..._core.stack.config import Project
from ..._core.words import escaped
from ..machine.compose import project_options
from ..machine.docker import Container, Engine
from ..store.layout import Paths
from ..store.stacks import Version, known_stacks
from .backup.cut_off import refuse_half_restored
from .folder import Folder, find_stack
from .health import own_containers, service_of
from .hooks import hooks_of
from .reading import project_of

__all__ = ("main", "start_missing")

_OWN_TENANT = "platform"
_SECONDS = 240
_PRESENT = ("running", "restarting", "paused")

RunCompose = Callable[[Sequence[str]], int]


def start_missing(paths: Paths, engine: Engine, run: RunCompose) -> list[str]:
    """Start what is missing of each own stack that should run. Returns a line for each stack that it started.

    ``run`` runs a command and returns its exit code. VsaError if a stack does not start; the others are started first.
    """
    lines, failed = [], []
    for tenant, name in known_stacks(paths):
        if tenant != _OWN_TENANT:
            continue
        try:
            started = _start_stack(paths, engine, name, run)
        except VsaError as error:
            failed.append(f"{name}: {error.message}")
            continue
        if started:
            lines.append(f"{name}: started {', '.join(started)}")
    if failed:
        raise VsaError("; ".join([*failed, *lines]))
    return lines


def _start_stack(paths: Paths, engine: Engine, name: str, run: RunCompose) -> list[str]:
    folder, stack = find_stack(paths, name, tenant=_OWN_TENANT)
    good = folder.good()
    if good is None or not folder.should_run():
        return []
    refuse_half_restored(paths, stack, engine)
    containers = own_containers(engine, stack, paths)
    missing = _missing(project_of(stack, good, paths=paths), containers)
    if not missing:
        return []
    _use(folder, good)
    # What Compose left of them: a stopped container, one that was never started, one with a name for the meantime.
    for container in containers:
        if service_of(container) in missing:
            engine.remove_stopped(container.id)
    hooks = hooks_of(name)
    hooks.make_networks(engine, paths)
    options = project_options(stack.project, folder.path, folder.compose_files(), folder.env_file())
    code = run(["docker", "compose", *options, "up", "--detach", "--no-deps", "--pull", "never", *missing])
    hooks.after_start(engine, paths)
    if code:
        raise VsaError(f"docker compose ended with {code} when it started {', '.join(missing)}")
    return missing


def _missing(project: Project, containers: list[Container]) -> list[str]:
    """Return the services that no running container has. A service that runs once ran before the power cut."""
    running = {service_of(container) for container in containers if container.status in _PRESENT}
    return [
        service.name
        for service in project.services.values()
        if service.name not in running and service.replicas and not service.once
    ]


def _use(folder: Folder, good: Version) -> None:
    """Write the version that was proven, if the interrupted run wrote another one."""
    if folder.version() != good or folder.differing(good.files):
        folder.write(good)


def _run(argv: Sequence[str]) -> int:
    done = subprocess.run(list(argv), timeout=_SECONDS, check=False)  # pylint: disable=ansible-bad-function  # no module
    return done.returncode


def main() -> int:
    """Start what is missing on this host. Returns the exit code for systemd, and prints for its journal."""
    try:
        for line in start_missing(Paths(), Engine(), _run) or ["nothing was missing"]:
            sys.stdout.write(f"{line}\n")
    except (VsaError, OSError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"{escaped(str(error))}\n")
        return 1
    return 0
