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
from pathlib import Path
from typing import Any, ClassVar

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.forms import stack_name
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.files import (
    MOST_BYTES,
    MOST_BYTES_OF_FILE,
    File,
    as_file,
    file_path,
    pack,
)
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.base import VsaAction

# The collection's own stacks. The option `source` names another directory of stacks.
_OWN = Path(__file__).resolve().parents[2] / "stacks"
_NEEDED = "compose.yml"
# What version control keeps beside the files is no part of a stack.
_LEFT_OUT = (".git",)


def _stacks(source: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in source.iterdir() if (entry / _NEEDED).is_file())
    except OSError:
        return []


def _read_folder(source: Path, name: str) -> dict[str, File]:
    """Return each file of a stack's folder by its path, hidden files too."""
    folder = source / name
    if not os.path.isfile(folder / _NEEDED):  # noqa: PTH113 (pathlib raises for a name that is too long)
        raise RefusedError("there is no such stack", field="stack", value=name, there_are=_stacks(source))
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


class ActionModule(VsaAction):
    """Runs the module of the same name."""

    module: ClassVar[str] = "flowbiz.vsa.stack"
    verb: ClassVar[str | None] = "stack.up"

    def act(self) -> dict[str, Any]:
        """Call the module. It says if it needs the archive of the folder; then send that, and call the module again."""
        if not self._sends():
            return self.execute()
        archive = pack(_read_folder(self._source(), stack_name(self._task.args.get("name"))))
        sha256 = hashlib.sha256(archive).hexdigest()
        result = self.execute(archive_sha256=sha256)
        if not result.get("archive_needed"):
            return result
        return self.execute(archive_sha256=sha256, archive=self._sent(archive))

    def _sends(self) -> bool:
        """Say whether this task takes the files from this controller."""
        task = self._task.args
        return task.get("state", "present") == "present" and not boolean(task.get("kept", False))

    def _source(self) -> Path:
        source = self._task.args.get("source")
        return Path(source).expanduser() if source else _OWN

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
        """Return whether the stack is one of the collection, the variables to set, and the words of Compose.

        The variables are handed over as one text: Ansible would hide each value of a mapping by itself, and so blank a
        value "1" everywhere in the result.
        """
        task = self._task.args
        variables = task.get("env")
        added: dict[str, Any] = {"env": json.dumps(variables) if variables else None}
        for name in {"complaint", "failure", "details"} & set(task):
            # As one text too: these words may contain secrets, and may stand in the module's own error.
            added[name] = json.dumps(task[name]) if task[name] else None
        if self._sends():
            # Never taken from the task: only this plugin knows where the collection lies.
            added["own"] = self._source().resolve() == _OWN.resolve()
        return added
