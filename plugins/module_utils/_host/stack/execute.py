# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack exec`: run a command in a container of a stack.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any

from ..._core.audit.mask import masked_command
from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..._core.result import CHANGED, WOULD_CHANGE, Result, Step
from ..._core.stack.manifest import Stack
from ..._core.stack.secrecy import Secrets
from ..._core.words import Words, escaped
from ..machine.docker import Container
from ..machine.docker_stack import StackEngine
from ..store.layout import Paths
from .down import refuse_foreign
from .folder import find_stack
from .health import containers_of, service_of
from .secrecy import learn_folder

__all__ = ("StackExecRequest", "execute")

# A result may have some hundred kilobytes before it becomes slow for everybody who handles it.
_MOST_OUTPUT = 256 << 10


@dataclass(frozen=True)
class StackExecRequest:
    """A command for a container of a stack.

    ``service`` is needed if several services of the stack run. ``stdin`` is what the command reads, None for nothing.
    """

    name: str
    command: tuple[str, ...] = field(repr=False)
    tenant: str | None = None
    service: str | None = None
    stdin: str | None = field(default=None, repr=False)


def execute(
    request: StackExecRequest, *, check: bool, paths: Paths | None = None, engine: StackEngine | None = None
) -> Result:
    """Run the command, and return its exit code and its output without the secrets of the stack.

    A command that ends with an error is no error of VSA. RefusedError if there is no such container that runs, or if
    the container cannot run the command.
    """
    paths, engine = paths or Paths(), engine or StackEngine()
    folder, stack = find_stack(paths, request.name, tenant=request.tenant)
    if not request.command:
        raise RefusedError("no command was given", field="command", value="(not given)", expected="a program")
    containers = containers_of(engine, stack)
    refuse_foreign(containers, folder, stack)
    container = _chosen(containers, stack, request.service)
    secrets = Secrets()
    learn_folder(secrets, folder, stack)
    shown = escaped(secrets.text(shlex.join(masked_command(request.command))))
    data: dict[str, Any] = {"stack": stack.name, "service": service_of(container), "container": container.name}
    if check:
        step = Step("exec", WOULD_CHANGE, f"{container.name} would run {shown}")
        return Result(changed=True, steps=(step,), data=data)
    done = engine.exec_fed(container.id, list(request.command), stdin=request.stdin, most=_MOST_OUTPUT)
    if not done.ran:
        with secrets.kept():
            raise RefusedError(
                f"{container.name} cannot run this command",
                field="command",
                value=shown,
                details=[Words("Docker", done.stderr or done.stdout)],
            )
    # The command may have changed anything, so it counts as a change.
    step = Step("exec", CHANGED, f"{container.name} ran {shown}: exit code {done.code}")
    data |= {
        "command_exit_code": done.code,
        "stdout": secrets.text(done.stdout),
        "stderr": secrets.text(done.stderr),
        "left_out_bytes": done.left_out,
    }
    return Result(changed=True, steps=(step,), data=data)


def _chosen(containers: list[Container], stack: Stack, service: str | None) -> Container:
    """Return the first running container of the service, which need not be named if the stack has only one."""
    services = sorted({service_of(container) for container in containers})
    if service is None and len(services) > 1:
        raise RefusedError(
            f"{stack.name} has several services",
            field="service",
            value="(not given)",
            expected="the service that runs the command",
            there_are=services,
        )
    if service is not None and service not in services:
        raise RefusedError(
            "the stack has no container of this service", field="service", value=service, there_are=services
        )
    running = [found for found in containers if found.running and service in (None, service_of(found))]
    if not running:
        raise RefusedError(
            f"no container of {stack.name} runs",
            field="service",
            value=service or "(not given)",
            details=[f"{found.name} is {found.status}" for found in containers],
            hint=Hint("stack.up", {"name": stack.name}),
        )
    return running[0]
