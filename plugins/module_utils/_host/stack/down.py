# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack down`: what goes with a stack, the folder in which Compose removes its containers, and what Compose did.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ..._core.errors import NotRolledBackError, RefusedError, VsaError
from ..._core.hints import Hint
from ..._core.result import CHANGED, OK, WARNING, WOULD_CHANGE, Result, Step
from ..._core.stack.manifest import Stack
from ..._core.stack.removal import StackSites, StackVolumes, Volume, choose_sites, choose_volumes, size_words
from ..._core.stack.rolling import replica_number, rolling_services
from ..._core.stack.secrecy import Secrets
from ..._core.words import Words
from ..machine.disk import disk_errors_told
from ..machine.docker import FOLDER_LABEL, Container, Engine
from ..machine.docker_stack import StackEngine
from ..machine.files import read_text
from ..store.layout import Paths
from ..store.manifests import manifest_files, parse_manifest
from .folder import Folder, find_stack
from .health import containers_of, service_of
from .hooks import hooks_of
from .host_ports import close_host_ports
from .reading import project_of
from .secrecy import learn_folder
from .sites import containers_led_to, live_sites

__all__ = ("StackDownRequest", "StackStopRequest", "begin_down", "find_folder", "refuse_foreign", "report_down")

_FOREVER = "this cannot be undone"


@dataclass(frozen=True)
class StackStopRequest:
    """How a stack is taken down.

    * ``sites``: its sites are unprovisioned; without it they are closed for maintenance until the next ``stack up``.
    * ``volumes``: its volumes are deleted. ``typed`` is the name of the stack, as the operator typed it for that.
    """

    name: str
    tenant: str | None = None
    sites: bool = False
    volumes: bool = False
    typed: str | None = None


@dataclass(frozen=True)
class StackDownRequest:
    """What Compose did to a stack: ``removed`` says whether Compose removed containers or networks.

    ``failure`` is why Compose failed, None if it did not. ``volumes`` are to be deleted now.
    """

    name: str
    removed: bool
    failure: str | None = None
    tenant: str | None = None
    volumes: tuple[Volume, ...] = ()


def begin_down(
    request: StackStopRequest, *, check: bool, paths: Paths | None = None, engine: StackEngine | None = None
) -> Result:
    """Return the folder of a stack, and what goes with the stack: its sites and volumes.

    The sites that are to be closed are noted first: the next ``stack up`` opens them even if this run is killed.
    RefusedError if volumes would be deleted and the name of the stack was not typed; nothing is changed then.
    """
    paths, engine = paths or Paths(), engine or StackEngine()
    folder, stack = find_stack(paths, request.name, tenant=request.tenant)
    if request.volumes and not check and request.typed != stack.name:
        raise RefusedError(
            f"the volumes of {stack.name} are deleted only if its name is typed",
            field="typed",
            value=request.typed or "(not given)",
            expected=stack.name,
            hint=f"--check names the volumes; {_FOREVER}",
        )
    found = find_folder(request.name, tenant=request.tenant, paths=paths, engine=engine)
    sites = _sites_of(paths, folder, stack, engine, request)
    # What an earlier release wrote has no place for the note, so its sites stay open.
    noted = folder.state.is_here()
    open_sites = [domain for domain in sites.whole if noted and not _is_closed(paths, domain)]
    if not check and not request.sites:
        with disk_errors_told("nothing was stopped"):
            folder.note_closed({*folder.closed(), *open_sites})
    volumes = _volumes_of(engine, stack) if request.volumes else StackVolumes()
    steps = [
        Step("sites", OK, f"{domain} needs containers of others too, and stays as it is") for domain in sites.shared
    ]
    data: dict[str, Any] = {
        "close": [] if request.sites else open_sites,
        "unprovision": list(sites.whole) if request.sites else [],
        "volumes": [{"name": volume.name, "size": volume.size} for volume in volumes.own],
        "volumes_in_use": {name: list(users) for name, users in volumes.in_use.items()},
    }
    steps += _kept_steps(volumes.in_use)
    return Result(steps=tuple(steps), data={**found.data, **data})


def _sites_of(paths: Paths, folder: Folder, stack: Stack, engine: Engine, request: StackStopRequest) -> StackSites:
    """Return the live sites that need the stack. The stack that serves all sites has none of its own."""
    if hooks_of(stack.name).serves_sites:
        if request.sites:
            raise RefusedError(
                f"{stack.name} serves the sites of all stacks, and has none of its own",
                field="sites",
                value="true",
                expected="the removal of each site by its own verb",
            )
        return StackSites()
    names = {container.name for container in containers_of(engine, stack)}
    return choose_sites(live_sites(paths), names | _names_of_before(paths, folder, stack))


def _names_of_before(paths: Paths, folder: Folder, stack: Stack) -> set[str]:
    """Return the names that Compose gives to the containers of a stack: an earlier run may have removed them."""
    try:
        project = project_of(stack, folder.version(), paths=paths)
    except VsaError:
        return set()  # Compose does not accept the files of an earlier release any more
    names = {name for service in project.services.values() for name in service.containers}
    rolling = rolling_services(stack)
    # The number of such a container grows with each version.
    led_to = containers_led_to(paths)
    replicas = {name for name in led_to for service in rolling if replica_number(project, service, name) is not None}
    return names | replicas


def _is_closed(paths: Paths, domain: str) -> bool:
    """Say whether a site is closed for maintenance by its manifest. A manifest that is not valid says nothing."""
    file = next((path for path in manifest_files(paths, domain) if path.name == f"{domain}.yml"), None)
    try:
        return bool(file and parse_manifest(domain, read_text(file) or "").maintenance)
    except VsaError:
        return False


def _volumes_of(engine: StackEngine, stack: Stack) -> StackVolumes:
    own = {container.name for container in containers_of(engine, stack)}
    return choose_volumes(engine.kept_volumes(measured=True), project=stack.project, mounts=engine.mounts(), own=own)


def _kept_steps(in_use: Mapping[str, Collection[str]]) -> list[Step]:
    return [
        Step("volumes", WARNING, f"{name} stays: {', '.join(users)} mounts it too") for name, users in in_use.items()
    ]


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
    refuse_foreign(containers, folder, stack)
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
    sites = live_sites(paths)
    if containers and hooks_of(stack.name).serves_sites:
        return sorted(sites)
    chosen = choose_sites(sites, containers)
    return sorted((*chosen.whole, *chosen.shared))


def refuse_foreign(containers: list[Container], folder: Folder, stack: Stack) -> None:
    """Raise RefusedError if the containers of a stack's Compose project are those of another folder."""
    others = {container.labels.get(FOLDER_LABEL, "") for container in containers} - {str(folder.path)}
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
            state="some of its containers may be gone; no volume was deleted",
            details=[Words("Compose", failure)],
            hint=Hint("stack.ps", {"name": stack.name}),
        )


def report_down(
    request: StackDownRequest, *, check: bool, paths: Paths | None = None, engine: StackEngine | None = None
) -> Result:
    """Delete the volumes that are to go, and return what Compose did and what was deleted.

    So the operator and the host's audit trail get both. NotRolledBackError with Compose's words, without the stack's
    secrets, if Compose failed; no volume is deleted then.
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
    stays = "its folder stays" if request.volumes else "its data stays"
    if not request.removed:
        step = Step("stack", OK, "it did not run", _closed_notes(folder))
    elif check:
        step = Step("stack", WOULD_CHANGE, f"its containers would be removed, {stays}")
    else:
        step = Step("stack", CHANGED, f"its containers are removed, {stays}", _closed_notes(folder))
    steps = [step]
    if stack.alerts and not check:
        steps += _remove_alerts(paths)
    if request.volumes:
        steps += _delete_volumes(request.volumes, stack, engine or StackEngine(), check=check)
    changed = any(step.state in (CHANGED, WOULD_CHANGE) for step in steps)
    return Result(changed=changed, steps=tuple(steps), data={"stack": stack.name})


def _remove_alerts(paths: Paths) -> list[Step]:
    from .alerts.install import remove_alerts  # imported here: few stacks have alerts

    step = remove_alerts(paths)
    return [step] if step else []


def _closed_notes(folder: Folder) -> tuple[str, ...]:
    closed = folder.closed()
    return (f"closed for maintenance until the next up: {', '.join(closed)}",) if closed else ()


def _delete_volumes(wanted: Iterable[Volume], stack: Stack, engine: StackEngine, *, check: bool) -> list[Step]:
    """Delete volumes whose labels say that they are the stack's. The engine keeps what a container mounts by now."""
    there = {volume.name: volume for volume in engine.kept_volumes()}
    mine = [
        volume
        for volume in wanted
        if volume.name in there and (there[volume.name].project == stack.project or there[volume.name].anonymous)
    ]
    gone: list[Volume] = []
    steps = []
    for volume in mine:
        try:
            if check or engine.remove_volume(volume.name):
                gone.append(volume)
            else:
                steps.append(Step("volumes", WARNING, f"{volume.name} stays: a container mounts it"))
        except VsaError as error:
            raise NotRolledBackError(
                f"the volume {volume.name} could not be deleted",
                field="stack",
                value=stack.name,
                state=f"its containers are removed; deleted: {', '.join(found.name for found in gone) or 'no volume'}",
                details=[error.message],
                hint="the same again: it goes on from there",
            ) from error
    if gone:
        names = ", ".join(f"{volume.name} ({size_words(volume.size)})" for volume in gone)
        text = f"{names} {'would be deleted' if check else 'deleted'}: {_FOREVER}"
        steps.append(Step("volumes", WOULD_CHANGE if check else CHANGED, text))
    return steps
