# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask Compose how it reads the files of a stack, before anything of them is written into the stack's folder.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..._core.stack.config import Project, read_project
from ..._core.stack.env import ENV, env_for_compose
from ..._core.stack.files import File, content_of, mode_of, text_of
from ..._core.stack.manifest import Stack
from ..._core.stack.profiles import profiled_services
from ..._core.stack.rules.reading import COMPOSE_FILES
from ..machine.compose import compose_config
from ..machine.files import load_yaml, make_directory, write_new
from ..store.layout import Paths
from ..store.stacks import Version

__all__ = ("ComposeReader", "ask_compose", "project_of", "services_of_profiles")

ComposeReader = Callable[..., dict[str, Any]]

# The variables for Compose, beside the files of the stack. No file of a stack has this name.
_VARIABLES = ".vsa-variables"


def ask_compose(
    stack: Stack, files: Mapping[str, File], env: str, *, paths: Paths, compose: ComposeReader = compose_config
) -> dict[str, Any]:
    """Return what Compose says of the files, with the paths that they will have in the stack's folder.

    RefusedError if Compose does not accept the files.
    """
    with tempfile.TemporaryDirectory(prefix="vsa-stack-") as made:
        staged = Path(os.path.realpath(made))
        for name, file in {**files, ENV: env, _VARIABLES: env_for_compose(stack, files, env)}.items():
            target = staged / name
            make_directory(target.parent, mode=0o700)
            write_new(target, content_of(file), mode=mode_of(file) & 0o700)
        wanted = tuple(name for name in COMPOSE_FILES if name in files)
        said = compose(staged, wanted, name=stack.project, env_file=_VARIABLES)
        config: dict[str, Any] = _moved(said, str(staged), str(Path(paths.root, stack.folder)))
    for service in (config.get("services") or {}).values():
        # Compose chose the profiles already, and VSA never watches files.
        service.pop("profiles", None)
        service.pop("develop", None)
    return config


def _moved(value: Any, staged: str, folder: str) -> Any:
    """Return a configuration in which each path below the staged folder is below the stack's folder."""
    if isinstance(value, str):
        inside = value == staged or value.startswith(f"{staged}/")
        return folder + value[len(staged) :] if inside else value
    if isinstance(value, dict):
        return {key: _moved(entry, staged, folder) for key, entry in value.items()}
    if isinstance(value, list):
        return [_moved(entry, staged, folder) for entry in value]
    return value


def services_of_profiles(files: Mapping[str, File]) -> frozenset[str]:
    """Return the services that belong to profiles, of the Compose files that VSA gives to Compose."""
    found: frozenset[str] = frozenset()
    for name in COMPOSE_FILES:
        if name in files:
            found |= profiled_services(load_yaml(text_of(files[name]), where=name))
    return found


def project_of(stack: Stack, version: Version, *, paths: Paths, compose: ComposeReader = compose_config) -> Project:
    """Return what Compose said of a version. It is asked again if an earlier release kept the version."""
    if version.config:
        return read_project(version.config)
    return read_project(json.dumps(ask_compose(stack, version.files, version.env, paths=paths, compose=compose)))
