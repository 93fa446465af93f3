# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``stack`` between its options and what is done.

Compose itself runs between the two halves, by community.docker.docker_compose_v2.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._core.errors import RefusedError
from ..._core.forms import stack_name
from ..._core.stack.manifest import Stack, parse_stack
from ..machine.docker import Engine
from ..machine.files import load_yaml, read_text
from ..store.layout import Paths
from .finish import Finish
from .folder import Folder
from .health import step
from .up import Up

__all__ = ("find_folder", "run")


def run(
    options: Mapping[str, Any], *, check: bool, diff: bool, paths: Paths | None = None, engine: Engine | None = None
) -> dict[str, Any]:
    """Carry out the options of the module ``stack`` and return its result. Raises VsaError."""
    paths = paths or Paths()
    name = stack_name(options["name"])
    if options["state"] == "present":
        return Up(paths, engine, name, options).prepare(check=check, diff=diff)
    folder, stack = find_folder(paths, name)
    if options["state"] == "found":
        return {"changed": False, "schema": 1, "stack": name, "folder": str(folder.path), "steps": []}
    if options["state"] == "stopped":
        return _stopped(name, removed=bool(options["started"]))
    finish = Finish(paths, engine or Engine(), folder, stack)
    if options["state"] == "restored":
        return finish.restore()
    return finish.verify(options)


def _stopped(name: str, *, removed: bool) -> dict[str, Any]:
    """Say what Compose has done, so that it is a step, and is in the host's own trail."""
    text = "its containers are removed, its data stays" if removed else "it did not run"
    told = step("changed" if removed else "ok", text, [])
    return {"changed": removed, "schema": 1, "stack": name, "steps": [told]}


def find_folder(paths: Paths, name: str) -> tuple[Folder, Stack]:
    """Return a stack of this host by its name. RefusedError where the host has none of that name."""
    found = sorted(Path(paths.root, "srv").glob(f"*/{name}/.vsa/stack.json"))
    text = read_text(found[0].parents[1] / "stack.yml") if found else None
    if text is None:
        known = sorted(path.parents[1].name for path in Path(paths.root, "srv").glob("*/*/.vsa/stack.json"))
        raise RefusedError(
            "this host has no such stack", field="stack", value=name, there_are=known, hint=f"vsa stack up {name}"
        )
    stack = parse_stack(load_yaml(text, where="stack.yml"), name=name, where="stack.yml/")
    return Folder(paths, stack), stack
