# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a stack before anything of it is written: ask Compose how it reads the files, and apply the policy.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._core.errors import RefusedError
from ..._core.finding import Finding
from ..._core.stack.compose import COMPOSE
from ..._core.stack.env import parse_env, stack_variables
from ..._core.stack.files import File, text_of
from ..._core.stack.manifest import Stack
from ..._core.stack.mounted import label_services, mounted_parts, refuse_reloads
from ..._core.stack.policy import judge, said_by_compose, unescaped
from ..._core.stack.rules.facts import Facts
from ..._core.stack.rules.files import paths_of
from ..._core.stack.rules.reading import COMPOSE_FILES, Reference, judge_references, references
from ..machine.compose import compose_config
from ..machine.docker import Engine
from ..machine.files import load_yaml
from ..store.layout import Paths
from ..store.stacks import StackState, known_stacks
from .known import known_container
from .reading import ComposeReader, ask_compose, services_of_profiles

__all__ = ("Judgement", "judge_stack", "read_facts", "with_mounts")

# Compose would read these files too, or instead, if it chose by itself.
_CHOSEN_BY_COMPOSE = (
    "compose.yaml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


@dataclass(frozen=True)
class Judgement:
    """What Compose says of a stack, as text that Compose reads again, and what the policy finds in it.

    ``text`` is empty if the files were not even given to Compose.
    """

    text: str
    findings: tuple[Finding, ...]


def judge_stack(
    stack: Stack,
    files: Mapping[str, File],
    env: str,
    *,
    paths: Paths,
    engine: Engine | None,
    compose: ComposeReader = compose_config,
) -> Judgement:
    """Return the judgement of a stack that somebody wrote.

    Without an engine the containers of others are not known, and only the files are judged. RefusedError if Compose
    does not accept the files.
    """
    _refuse_other_names(files)
    outside = judge_references(_all_references(files))
    if outside:
        # Compose would read these files while it is asked.
        return Judgement("", tuple(outside))
    config = ask_compose(stack, files, env, paths=paths, compose=compose)
    for service in (config.get("services") or {}).values():
        _drop_net_raw(service)
    plain = unescaped(config)
    facts = read_facts(stack, paths=paths, engine=engine, mentioned=paths_of(plain))
    findings = tuple(judge(plain, facts))
    return Judgement(json.dumps(with_mounts(config, stack, files, env, paths=paths), indent=1), findings)


def with_mounts(
    config: dict[str, Any], stack: Stack, files: Mapping[str, File], env: str, *, paths: Paths
) -> dict[str, Any]:
    """Add to each service a label with the hash of the stack's files that the service mounts.

    So Compose recreates exactly the services whose files changed. RefusedError if stack.yml says that a service reads
    changed files again, and the service cannot.
    """
    folder = str(Path(paths.root, stack.folder))
    plain = unescaped(config)
    profiled = services_of_profiles(files)
    refuse_reloads(plain, files, folder=folder, reload=stack.reload, where="stack.yml/reload", profiled=profiled)
    parts = mounted_parts(plain, files, parse_env(stack_variables(files, env)), folder=folder)
    return label_services(config, parts, reload=stack.reload)


def _refuse_other_names(files: Mapping[str, File]) -> None:
    for name in _CHOSEN_BY_COMPOSE:
        if name in files:
            raise RefusedError(
                f"the stack has a {name} besides {COMPOSE}, and it is not clear which one is meant",
                field="stack",
                value=name,
                expected=" and ".join(COMPOSE_FILES),
            )


def _all_references(files: Mapping[str, File]) -> list[Reference]:
    """Return what the Compose files name, also the files that they include or extend."""
    found: list[Reference] = []
    waiting = [name for name in COMPOSE_FILES if name in files]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        named = references(load_yaml(text_of(files[name]), where=name))
        found += named
        loaded = {entry.path.rpartition("/")[2] for entry in named if entry.loads}
        # By the last part of the path: which folder a path is relative to depends on how the file was loaded.
        waiting += [other for other in files if other.rpartition("/")[2] in loaded]
    return found


def _drop_net_raw(service: dict[str, Any]) -> None:
    """Take NET_RAW from a service: with it a container forges the packets of others on its network.

    A service that asks for NET_RAW has a finding, so it gets NET_RAW only if the operator allowed that.
    """
    wanted = {str(name).upper().removeprefix("CAP_") for name in service.get("cap_add") or ()}
    dropped = [str(name).upper() for name in service.get("cap_drop") or ()]
    if not wanted & {"NET_RAW", "ALL"} and "ALL" not in dropped and "NET_RAW" not in dropped:
        service["cap_drop"] = [*(service.get("cap_drop") or ()), "NET_RAW"]


def read_facts(stack: Stack, *, paths: Paths, engine: Engine | None, mentioned: set[str]) -> Facts:
    """Return what the policy needs to know about the host and the stack. ``mentioned`` are paths to resolve."""
    srv = Path(paths.root, "srv")
    folder = str(Path(paths.root, stack.folder))
    known = set(known_stacks(paths))
    there = {(tenant, name) for tenant, name in known if (srv / tenant / name).is_dir()}
    projects = {(tenant, name): StackState(paths, tenant, name).project() for tenant, name in known}
    gone = {tenant for tenant, name in known - there if projects[tenant, name] == stack.project}
    devices = engine.volume_devices() if engine is not None else {}
    found = engine.containers() if engine is not None else []
    containers = tuple(known_container(container, devices) for container in found)
    good = _said_of_good(StackState(paths, stack.tenant, stack.name))
    written = {path for container in containers for path in container.writes if path.startswith(f"{srv}/")}
    return Facts(
        name=stack.name,
        project=stack.project,
        projects=projects,
        tenant=stack.tenant,
        folder=folder,
        srv=str(srv),
        ports=frozenset((entry.port, entry.protocol) for entry in stack.ports),
        containers=containers,
        networks=engine.network_projects() if engine is not None else {},
        volumes=engine.volume_projects() if engine is not None else {},
        stacks=frozenset(there),
        former=frozenset(gone - {stack.tenant}),
        real={path: os.path.realpath(path) for path in {*mentioned, *paths_of(good), *written, folder}},
        good=good,
    )


def _said_of_good(state: StackState) -> Mapping[str, Any]:
    """Return what Compose said of the last good version; empty if there is none, or if it was not judged."""
    good = state.good()
    try:
        found = said_by_compose(good.judged_config) if good is not None else {}
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}
