# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack down`: find the folder in which Compose removes the containers, and report what Compose did.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from ..._core.errors import NotRolledBackError, RefusedError
from ..._core.hints import Hint
from ..._core.result import CHANGED, OK, WOULD_CHANGE, Result, Step
from ..._core.stack.manifest import Stack
from ..._core.stack.secrecy import Secrets
from ..._core.words import Words
from ..machine.disk import disk_errors_told
from ..machine.docker import Container, Engine
from ..store.generations import Generations
from ..store.layout import Paths
from .folder import Folder, find_stack
from .health import containers_of, service_of
from .hooks import hooks_of
from .host_ports import close_host_ports
from .secrecy import learn_folder

__all__ = ("StackDownRequest", "find_folder", "report_down")

_FOLDER = "com.docker.compose.project.working_dir"


@dataclass(frozen=True)
class StackDownRequest:
    """What Compose did to a stack: ``removed`` says whether Compose removed containers or networks.

    ``failure`` is why Compose failed, None if it did not.
    """

    name: str
    removed: bool
    failure: str | None = None
    tenant: str | None = None


def find_folder(
    name: str,
    *,
    tenant: str | None = None,
    service: str | None = None,
    paths: Paths | None = None,
    engine: Engine | None = None,
) -> Result:
    """Return the folder of a stack of this host.

    RefusedError if the host has no stack of that name, if no container of the stack is of the ``service``, or if the
    containers of that name are those of another folder: Compose would remove them.
    """
    paths = paths or Paths()
    folder, stack = find_stack(paths, name, tenant=tenant)
    containers = containers_of(engine or Engine(), stack)
    _refuse_foreign(containers, folder, stack)
    services = sorted({service_of(container) for container in containers})
    if service is not None and service not in services:
        raise RefusedError(
            "the stack has no container of this service", field="service", value=service, there_are=services
        )
    return Result(
        data={
            "stack": stack.name,
            "tenant": stack.tenant,
            "project": stack.project,
            "folder": str(folder.path),
            "compose_files": folder.compose_files(),
            "env_file": folder.env_file(),
            "serves": _sites_served(paths, stack, {container.name for container in containers}),
        }
    )


def _sites_served(paths: Paths, stack: Stack, containers: set[str]) -> list[str]:
    """Return the domains of the live sites that need one of these containers, or a stack that serves all sites."""
    generations = Generations(paths)
    record = generations.record(generations.live_number())
    sites = record.sites if record else {}
    if containers and hooks_of(stack.name).serves_sites:
        return sorted(sites)
    return sorted(domain for domain, entry in sites.items() if containers & {*entry["containers"]})


def _refuse_foreign(containers: list[Container], folder: Folder, stack: Stack) -> None:
    others = {container.labels.get(_FOLDER, "") for container in containers} - {str(folder.path)}
    if others:
        raise RefusedError(
            f"the containers of the Compose project {stack.project} are not those of {folder.path}",
            field="stack",
            value=stack.name,
            details=[f"their folder is {other or 'not known'}" for other in sorted(others)],
            expected="one folder for this Compose project on the host",
        )


def _raise_failure(folder: Folder, stack: Stack, failure: str) -> NoReturn:
    secrets = Secrets()
    learn_folder(secrets, folder, stack)
    with secrets.kept():
        raise NotRolledBackError(
            f"{stack.name} could not be stopped",
            field="stack",
            value=stack.name,
            state="some of its containers may be gone",
            details=[Words("Compose", failure)],
            hint=Hint("stack.ps", {"name": stack.name}),
        )


def report_down(request: StackDownRequest, *, check: bool, paths: Paths | None = None) -> Result:
    """Return what Compose did as a step, so that the operator and the host's audit trail get it.

    NotRolledBackError with Compose's words, without the stack's secrets, if Compose failed.
    """
    paths = paths or Paths()
    folder, stack = find_stack(paths, request.name, tenant=request.tenant)
    if request.failure:
        _raise_failure(folder, stack, request.failure)
    if not check:
        with disk_errors_told(f"the containers of {stack.name} are removed; that they stay down is not noted"):
            folder.note_down(True)
        with disk_errors_told(f"the containers of {stack.name} are removed; the firewall opens its host_ports still"):
            close_host_ports(paths, stack)
    if not request.removed:
        step = Step("stack", OK, "it did not run")
    elif check:
        step = Step("stack", WOULD_CHANGE, "its containers would be removed, its data stays")
    else:
        step = Step("stack", CHANGED, "its containers are removed, its data stays")
    return Result(changed=request.removed, steps=(step,), data={"stack": stack.name})
