# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of the stacks of a host: read them, so that no text of a verb shows one.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..._core.errors import VsaError
from ..._core.stack.compose import interpolate
from ..._core.stack.env import ENV_EXAMPLE, parse_env, stack_variables
from ..._core.stack.files import File, text_of
from ..._core.stack.manifest import Stack
from ..._core.stack.rules.reading import COMPOSE_FILES
from ..._core.stack.secrecy import Secrets
from ..machine.files import load_yaml
from .folder import Folder

__all__ = ("learn_folder", "learn_version")


def learn_version(secrets: Secrets, stack: Stack, files: Mapping[str, File], env: str, *, config: str = "") -> None:
    """Add the secrets of a version of a stack: its files by path, and the text of its environment file.

    The Compose files are read as they are, because Compose repeats what it does not accept. ``config`` is what Compose
    says of them, if it was asked: it also knows what they include.
    """
    documents = [_document(text_of(files[name]), name) for name in COMPOSE_FILES if name in files]
    documents += [json.loads(config)] if config else []
    env = stack_variables(files, env)
    wanted: set[str] = set()
    for document in documents:
        wanted |= _images(document, env)
        for path in _secret_files(document):
            secrets.learn_file(text_of(files.get(path.removeprefix("./").removeprefix(f"/{stack.folder}/"))))
    secrets.learn(stack, env, example=text_of(files.get(ENV_EXAMPLE)), images=wanted, documents=documents)


def learn_folder(secrets: Secrets, folder: Folder, stack: Stack) -> None:
    """Add the secrets of a stack of this host: of the version under way, of the last good one, and of its folder."""
    version = folder.version()
    learn_version(secrets, stack, version.files, version.env, config=version.config)
    good = folder.good()
    if good is not None:
        learn_version(secrets, stack, good.files, good.env, config=good.config)
    try:
        learn_version(secrets, stack, version.files, folder.env() or "")
    except VsaError:
        return  # the environment file is a link, or no text: nothing of it is shown either


def _document(text: str, name: str) -> Any:
    try:
        return load_yaml(text, where=name)
    except VsaError:
        return None


def _images(document: Any, env: str) -> set[str]:
    """Return the images of a Compose file, which are no secrets. What is no image is skipped."""
    try:
        variables = parse_env(env)
    except VsaError:
        return set()
    services = document.get("services") if isinstance(document, Mapping) else None
    entries = services.values() if isinstance(services, Mapping) else ()
    written = [entry.get("image") for entry in entries if isinstance(entry, Mapping)]
    return {interpolate(image, variables) for image in written if isinstance(image, str)}


def _secret_files(document: Any) -> list[str]:
    found = document.get("secrets") if isinstance(document, Mapping) else None
    entries = found.values() if isinstance(found, Mapping) else ()
    return [str(entry["file"]) for entry in entries if isinstance(entry, Mapping) and entry.get("file")]
