# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack up` before Compose: validate the stack, pull its images, write its folder, and say whether Compose must run.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..._core import forms
from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..._core.networks import is_edge_network, ula_subnet
from ..._core.result import CHANGED, OK, WOULD_CHANGE, Result, Step
from ..._core.stack.compose import COMPOSE, images
from ..._core.stack.env import ENV, env_values, parse_env
from ..._core.stack.manifest import Stack, StackSite, parse_stack
from ..machine.docker import Container, Engine
from ..machine.files import load_yaml, read_text
from ..store.layout import Paths
from .folder import MANIFEST, Folder
from .health import containers_of, service_of, unhealthy
from .hooks import hooks_of

__all__ = ("StackUpRequest", "prepare")

# More changed files than this are counted, not named.
_NAMED = 3


@dataclass(frozen=True)
class StackUpRequest:
    """The stack that a host should run.

    ``files`` are the texts of the stack's folder by relative path; ``env`` are variables to set in env/.env.
    """

    name: str
    files: Mapping[str, str]
    env: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class _Version:
    """The requested version of a stack, read and validated: ``images`` by service, ``env`` the text of env/.env."""

    stack: Stack
    folder: Folder
    files: Mapping[str, str]
    networks: Mapping[str, Any]
    images: Mapping[str, str]
    env: str
    new_secrets: tuple[str, ...]
    sites: tuple[dict[str, Any], ...]


def prepare(
    request: StackUpRequest, *, check: bool, diff: bool, paths: Paths | None = None, engine: Engine | None = None
) -> Result:
    """Validate the stack, pull its images and write its folder, so that Compose can start it.

    The result's ``up_needed`` says whether Compose must run, ``sites`` are the sites to provision after it.
    RefusedError if the stack is not valid or does not fit the host; nothing is written then.
    """
    paths = paths or Paths()
    version = _read_version(request, paths)
    _refuse_small_host(paths, version.stack)
    hooks = hooks_of(version.stack.name)
    notes = _secret_notes(version)
    changes = _changes(version)
    running: list[Container] = []
    proven: list[str] = []
    engine = engine or _connect(check, notes)
    if engine is not None:
        _ensure_networks(engine, version.networks, check)
        _pull_images(engine, version.images, check, notes)
        running = containers_of(engine, version.stack)
        hooks.refuse_images(engine, paths, version.images, running)
        if changes:
            proven = hooks.answering_sites(engine, paths)
    shown = version.folder.diff(version.files) if diff else None
    if not check:
        if changes:
            version.folder.write(version.files, version.env)
        hooks.prepare(paths)
    reason = "its files are new" if changes else _reason_to_start(engine, version, running)
    if check and reason is not None:
        notes += [f"{site['domain']} would be provisioned after the start" for site in version.sites]
    exists = (version.folder.path / COMPOSE).is_file()
    return Result(
        changed=bool(changes),
        steps=(_step(version, changes, reason, running, notes, check=check),),
        data={
            "stack": version.stack.name,
            "folder": str(version.folder.path),
            "before_start": hooks.before_start if exists else None,
            "timeout": version.stack.timeout,
            "up_needed": reason is not None,
            "proven": proven,
            "sites": list(version.sites),
        },
        diff=shown,
    )


# Read and validate


def _read_version(request: StackUpRequest, paths: Paths) -> _Version:
    name = forms.stack_name(request.name)
    files = {forms.relative_path(path, field="files"): text for path, text in request.files.items()}
    for needed in (MANIFEST, COMPOSE):
        if needed not in files:
            raise RefusedError(f"the stack has no {needed}", field="stack", value=name, there_are=sorted(files))
    stack = parse_stack(load_yaml(files[MANIFEST], where=MANIFEST), name=name, where=f"{MANIFEST}/")
    compose = load_yaml(files[COMPOSE], where=COMPOSE)
    folder = Folder(paths, stack)
    env, new_secrets = folder.wanted_env(files, env_values(request.env))
    variables = parse_env(env)
    return _Version(
        stack=stack,
        folder=folder,
        files=files,
        images=images(compose, variables),
        networks=compose.get("networks") or {},
        env=env,
        new_secrets=tuple(new_secrets),
        sites=tuple(_site(stack, number, variables) for number in range(len(stack.sites))),
    )


def _site(stack: Stack, number: int, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the options with which the module ``site`` provisions a site of the stack."""
    site = stack.sites[number]
    return {
        "domain": _domain(stack, site, f"{MANIFEST}/sites/{number}/domain_from", variables),
        "container": site.container,
        "port": site.port,
        "profile": site.profile,
        "tenant": stack.tenant,
    }


def _domain(stack: Stack, site: StackSite, place: str, variables: Mapping[str, str]) -> str:
    """Return the domain of a site. RefusedError if its variable is missing in env/.env, or is no domain."""
    if site.domain_from is None:
        return str(site.domain)
    value = variables.get(site.domain_from)
    if not value:
        raise RefusedError(
            f"the variable {site.domain_from} is not set, and a site of the stack needs it as its domain",
            field=place,
            value=site.domain_from,
            expected=f"{site.domain_from}=shop.example.com in {ENV}",
            hint=Hint("stack.up", {"name": stack.name, "env": {site.domain_from: "DOMAIN"}}),
        )
    return forms.domain(value, field=f"{ENV}/{site.domain_from}")


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


def _connect(check: bool, notes: list[str]) -> Engine | None:
    """Return the engine. In check mode a host without an engine gets a note, and None is returned."""
    try:
        return Engine()
    except RefusedError as error:
        if not check:
            raise
        notes.append(f"{error.message}: images and containers could not be looked at")
        return None


def _ensure_networks(engine: Engine, networks: Mapping[str, Any], check: bool) -> None:
    """Make the external edge networks of the Compose file. RefusedError if another external network is missing."""
    for key, entry in networks.items():
        if not isinstance(entry, Mapping) or not entry.get("external"):
            continue
        name = str(entry.get("name", key))
        if check or engine.network(name) is not None:
            continue
        if not is_edge_network(name):
            raise RefusedError("a network of the stack does not exist", field="networks", value=name)
        engine.ensure_network(name, subnet6=ula_subnet(name), labels={"vsa.edge": "1"})


def _pull_images(engine: Engine, wanted: Mapping[str, str], check: bool, notes: list[str]) -> None:
    """Pull the images that the host does not have. RefusedError if a registry does not give one."""
    for reference in dict.fromkeys(wanted.values()):
        if engine.image_id(reference) is not None:
            continue
        if check:
            notes.append(f"the image {reference} would be pulled")
        else:
            engine.pull(reference)
            notes.append(f"the image {reference} was pulled")


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


def _reason_to_start(engine: Engine | None, version: _Version, running: list[Container]) -> str | None:
    """Return why Compose must run although no file differs, None if the last good version runs unchanged."""
    if engine is None:
        return "the engine does not answer yet"
    if version.folder.verified() != version.folder.fingerprint(version.files, version.env):
        return "its files are new"
    problems = unhealthy(running, tuple(version.images))
    if problems:
        return problems[0]
    for container in running:
        image = version.images.get(service_of(container))
        if image is None:
            return f"{container.name} belongs to no service any more"
        if engine.image_id(image) != container.image_id:
            return f"{container.name} runs another image"
    return None


# Report


def _secret_notes(version: _Version) -> list[str]:
    if not version.new_secrets:
        return []
    return [f"{len(version.new_secrets)} secret(s) made on the host: {', '.join(version.new_secrets)}"]


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
