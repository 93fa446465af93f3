# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module stack: packs the folder of the stack, and sends the archive if the host lacks it.

The files travel by the connection's file transfer and never as options: they may be large, and hold secrets.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible import context
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.door import came_by_command
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.forms import relative_path, stack_name
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import library
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.files import (
    MOST_BYTES,
    MOST_BYTES_OF_FILE,
    File,
    as_file,
    file_path,
    pack,
    text_of,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.source import (
    COLLECTION,
    INVENTORY,
    NAMED,
    Source,
    choose_source,
)
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.base import VsaAction
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.typed import typed_keys

# The collection's own stacks. Others lie beside the inventory, or in the directory that the option `source` names.
_OWN = Path(__file__).resolve().parents[2] / "stacks"
_BESIDE = "stacks"
_NEEDED = "compose.yml"
# The pure part of the collection, of which a stack may ask for a copy.
_CORE = _OWN.parent / "plugins/module_utils/_core"
_MANIFEST = "stack.yml"
# What version control and Python keep beside the files is no part of a stack.
_LEFT_OUT = (".git", "__pycache__")


def _stacks(source: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in source.iterdir() if (entry / _NEEDED).is_file())
    except OSError:
        return []


def _has(source: Source, name: str) -> bool:
    return os.path.isfile(Path(source.place, name, _NEEDED))  # noqa: PTH113 (pathlib raises for a name that is too long)


def _read_folder(source: Path, name: str) -> dict[str, File]:
    """Return each file of a stack's folder by its path, hidden files too."""
    folder = source / name
    files: dict[str, File] = {}
    total = 0
    for above, directories, names in os.walk(folder):
        directories[:] = sorted(set(directories) - set(_LEFT_OUT))
        for entry in (*directories, *sorted(names)):
            place = Path(above, entry)
            shown = f"{name}/{place.relative_to(folder).as_posix()}"
            if place.is_symlink() or not (place.is_file() or place.is_dir()):
                raise RefusedError(
                    "the stack has something that is neither a file nor a directory",
                    field="stack",
                    value=shown,
                    expected="the file itself instead of a link",
                )
            if place.is_dir():
                continue
            total += place.stat().st_size
            if place.stat().st_size > MOST_BYTES_OF_FILE or total > MOST_BYTES:
                raise RefusedError(
                    "the stack is too large",
                    field="stack",
                    value=shown,
                    expected=f"{MOST_BYTES_OF_FILE >> 20} MiB for a file, and {MOST_BYTES >> 20} MiB for all of them",
                )
            path = file_path(place.relative_to(folder).as_posix())
            files[path] = as_file(place.read_bytes(), executable=os.access(place, os.X_OK))
    return files


def _with_core(files: Mapping[str, File]) -> dict[str, File]:
    """Return the files of a stack with a copy of the core, if stack.yml says where. The host judges the file itself."""
    with library("yaml"):
        import yaml

    try:
        manifest = yaml.safe_load(text_of(files.get(_MANIFEST)))
    except yaml.YAMLError:
        return dict(files)
    folder = manifest.get("core") if isinstance(manifest, dict) else None
    if folder is None:
        return dict(files)
    folder = relative_path(folder, field=f"{_MANIFEST}/core")
    taken = sorted(path for path in files if path.startswith(f"{folder}/"))
    if taken:
        raise RefusedError(
            "VSA puts the collection's core into this folder, and the stack has a file there",
            field=f"{_MANIFEST}/core",
            value=taken[0],
            expected="a folder that the stack does not have",
        )
    added = {f"{folder}/{path}": file for path, file in _read_folder(_CORE.parent, _CORE.name).items()}
    return {**files, **added}


class ActionModule(VsaAction):
    """Runs the module of the same name."""

    module: ClassVar[str] = "flowbiz.vsa.stack"
    verb: ClassVar[str | None] = "stack.up"

    def needs_templates(self) -> bool:
        """Say whether the task leads sites to other containers."""
        return bool(self._task.args.get("state") == "rolled")

    def act(self) -> dict[str, Any]:
        """Call the module. It says if it needs the archive of the folder; then send that, and call the module again."""
        if not self._sends():
            return self.execute()
        name = stack_name(self._task.args.get("name"))
        source, others = self._source(name)
        archive = pack(_with_core(_read_folder(Path(source.place), name)))
        sha256 = hashlib.sha256(archive).hexdigest()
        # Never taken from the task: only this plugin knows where the collection lies.
        added = {
            "archive_sha256": sha256,
            "own": source.kind == COLLECTION,
            "origin": {**source.as_dict(), "typed": source.typed},
            "also": [other.words for other in others],
        }
        result = self.execute(**added)
        if not result.get("archive_needed"):
            return result
        return self.execute(**added, archive=self._sent(archive))

    def _sends(self) -> bool:
        """Say whether this task takes the files from this controller."""
        task = self._task.args
        return task.get("state", "present") == "present" and not boolean(task.get("kept", False))

    def _source(self, name: str) -> tuple[Source, tuple[Source, ...]]:
        """Return the source that the stack is taken from, and the others that have a stack of this name.

        RefusedError if none has.
        """
        sources = self._sources()
        chosen, others = choose_source(sources, {source.place: _has(source, name) for source in sources})
        if chosen is None:
            there_are = sorted({found for source in sources for found in _stacks(Path(source.place))})
            raise RefusedError("there is no such stack", field="stack", value=name, there_are=there_are)
        return chosen, others

    def _sources(self) -> list[Source]:
        """Return where stacks may lie. A directory that the task names is the only one."""
        beside = self._beside_inventory()
        named = self._task.args.get("source")
        if not named:
            return [Source(COLLECTION, str(_OWN)), *([beside] if beside else [])]
        place = Path(named).expanduser()
        kinds = {_OWN.resolve(): COLLECTION, **({Path(beside.place).resolve(): INVENTORY} if beside else {})}
        return [Source(kinds.get(place.resolve(), NAMED), str(place), typed=True)]

    def _beside_inventory(self) -> Source | None:
        """Return the folder of stacks beside the inventory; None if the inventory is no file."""
        directory = getattr(self, "_vars", {}).get("inventory_dir")
        return Source(INVENTORY, str(Path(directory, _BESIDE))) if directory else None

    def _sent(self, archive: bytes) -> str:
        """Send the archive to the task's temporary directory on the host, which Ansible removes after the task."""
        shell = self._connection._shell
        if shell.tmpdir is None:
            self._make_tmp_path()
        place = str(shell.join_path(shell.tmpdir, "stack.tar"))
        with tempfile.NamedTemporaryFile(prefix="vsa-stack-") as local:
            local.write(archive)
            local.flush()
            self._transfer_file(local.name, place)
        self._fixup_perms2((shell.tmpdir, place))
        return place

    def arguments(self) -> dict[str, Any]:
        """Return the variables to set, and the words of Compose.

        The variables are handed over as one text: Ansible would hide each value of a mapping by itself, and so blank a
        value "1" everywhere in the result.
        """
        task = self._task.args
        variables = task.get("env")
        added: dict[str, Any] = {"env": json.dumps(variables) if variables else None}
        if variables and not came_by_command(getattr(self, "_vars", {})):
            # The command says itself what was typed, and hands the values over in a file.
            typed = typed_keys(context.CLIARGS.get("extra_vars") or (), "stack_env")
            added["env_typed"] = sorted({*(task.get("env_typed") or ()), *typed} & set(variables))
        for name in {"complaint", "failure", "details", "command"} & set(task):
            # As one text too: these words may contain secrets, and may stand in the module's own error.
            added[name] = json.dumps(task[name]) if task[name] else None
        if task.get("stdin") is not None:
            # An empty one is not none: the command reads its end.
            added["stdin"] = json.dumps(str(task["stdin"]))
        return added
