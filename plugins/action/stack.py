# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module stack: reads the stack's folder and hands its texts over in the one call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.forms import stack_name
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import ENV_EXAMPLE
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._run import run_options

# The collection's own stacks; the option `source` names others.
_OWN = Path(__file__).resolve().parents[2] / "stacks"
_MOST_BYTES = 1 << 20


def _stacks(source: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in source.iterdir() if (entry / "stack.yml").is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _read_folder(source: Path, name: str) -> dict[str, str]:
    """Return the text of every file of a stack's folder by its path; hidden ones but the example are left out."""
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


class ActionModule(ActionBase):
    """Hands the task on to the module of the same name."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, or the refusal."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        arguments = {**self._task.args, **run_options(self._task.args, task_vars, verb="stack.up")}
        try:
            if arguments.get("state", "present") == "present":
                source = arguments.get("source")
                folder = Path(source).expanduser() if source else _OWN
                arguments["files"] = json.dumps(_read_folder(folder, stack_name(arguments.get("name"))))
            # As one text: of a mapping each value would be a secret of its own, and "1" be blanked wherever it stands.
            arguments["env"] = json.dumps(arguments["env"]) if arguments.get("env") else None
        except VsaError as error:
            return {"failed": True, "changed": False, **error.as_result()}
        return self._execute_module(module_name="flowbiz.vsa.stack", module_args=arguments, task_vars=task_vars)
