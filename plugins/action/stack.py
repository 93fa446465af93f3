# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module stack: reads the folder of the stack, and hands its texts to the module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.forms import stack_name
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import ENV_EXAMPLE
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.base import VsaAction

# The collection's own stacks. The option `source` names another directory of stacks.
_OWN = Path(__file__).resolve().parents[2] / "stacks"
_MOST_BYTES = 1 << 20


def _stacks(source: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in source.iterdir() if (entry / "stack.yml").is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _read_folder(source: Path, name: str) -> dict[str, str]:
    """Return the text of each file of a stack's folder, by its path. Hidden files are left out, except the example."""
    folder = source / name
    if not (folder / "stack.yml").is_file():
        raise RefusedError("there is no such stack", field="stack", value=name, there_are=_stacks(source))
    texts = {}
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        hidden = any(part.startswith(".") for part in path.parts)
        if not file.is_file() or file.is_symlink() or (hidden and str(path) != ENV_EXAMPLE):
            continue
        if file.stat().st_size > _MOST_BYTES:
            raise RefusedError("a file of the stack is larger than 1 MiB", field="stack", value=f"{name}/{path}")
        try:
            texts[path.as_posix()] = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise RefusedError("a file of the stack is not text", field="stack", value=f"{name}/{path}") from error
    return texts


class ActionModule(VsaAction):
    """Runs the module of the same name."""

    module: ClassVar[str] = "flowbiz.vsa.stack"
    verb: ClassVar[str | None] = "stack.up"

    def arguments(self) -> dict[str, Any]:
        """Return the texts of the stack's folder for a task that brings the stack up, and the variables to set.

        The variables are handed over as one text: Ansible would hide each value of a mapping by itself, and so blank a
        value "1" everywhere in the result.
        """
        task = self._task.args
        variables = task.get("env")
        added: dict[str, Any] = {"env": json.dumps(variables) if variables else None}
        if task.get("state", "present") == "present":
            source = task.get("source")
            folder = Path(source).expanduser() if source else _OWN
            added["files"] = json.dumps(_read_folder(folder, stack_name(task.get("name"))))
        return added
