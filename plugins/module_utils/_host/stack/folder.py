# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a stack on the host: its files, directories and environment, and a copy of its last good version.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import secrets
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._core.errors import RefusedError
from ..._core.forms import stack_name
from ..._core.hints import Hint
from ..._core.stack.env import ENV, ENV_EXAMPLE, complete_env, missing_secrets
from ..._core.stack.manifest import Directory, Secret, Stack, parse_stack
from ..machine.files import load_yaml, read_json, read_text, write_atomically
from ..store.layout import Paths

__all__ = ("MANIFEST", "Folder", "find_stack", "make_secrets", "stack_names")

MANIFEST = "stack.yml"

_RECORD = ".vsa/stack.json"
_LETTERS = string.ascii_letters + string.digits
_ENV_MODE = 0o640


def stack_names(paths: Paths) -> list[str]:
    """Return the names of the stacks of this host, sorted."""
    return sorted({record.parents[1].name for record in Path(paths.root, "srv").glob(f"*/*/{_RECORD}")})


def find_stack(paths: Paths, name: str) -> tuple[Folder, Stack]:
    """Return a stack of this host with its folder. RefusedError if the host has no stack of that name."""
    name = stack_name(name)
    found = sorted(Path(paths.root, "srv").glob(f"*/{name}/{_RECORD}"))
    text = read_text(found[0].parents[1] / MANIFEST) if found else None
    if text is None:
        raise RefusedError(
            "this host has no such stack",
            field="stack",
            value=name,
            there_are=stack_names(paths),
            hint=Hint("stack.up", {"name": name}),
        )
    stack = parse_stack(load_yaml(text, where=MANIFEST), name=name, where=f"{MANIFEST}/")
    return Folder(paths, stack), stack


def make_secrets(wanted: tuple[Secret, ...]) -> dict[str, str]:
    """Return a random value for each secret, of letters and digits, so that no shell or file needs quotes."""
    return {secret.name: _random_text(secret.length) for secret in wanted}


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _position in range(length))


class Folder:
    """The folder of one stack. Every method reads the disk again."""

    def __init__(self, paths: Paths, stack: Stack) -> None:
        self._stack = stack
        self.path = Path(paths.root, stack.folder)
        self._own = self.path / ".vsa"
        self._record = self.path / _RECORD
        self._good = self._own / "good.json"

    # Read

    def env(self) -> str | None:
        """Return the text of the environment file, None if there is none yet."""
        return read_text(self.path / ENV)

    def record(self) -> dict[str, Any]:
        """Return what ``write`` noted last in .vsa/stack.json; empty if the file is missing or damaged."""
        found = read_json(self._record)
        return found if isinstance(found, dict) else {}

    def present(self) -> dict[str, str]:
        """Return the current texts of the files that ``write`` wrote, by path in the folder."""
        known = self.record().get("files")
        if not isinstance(known, dict):
            return {}
        texts = {name: read_text(self.path / name) for name in known}
        return {name: text for name, text in texts.items() if text is not None}

    def wanted_env(self, files: Mapping[str, str], values: Mapping[str, str]) -> tuple[str, list[str]]:
        """Return the environment file with missing secrets made and ``values`` set, and the names of new secrets."""
        current = self.env()
        made = make_secrets(missing_secrets(self._stack, current))
        return complete_env(current, files.get(ENV_EXAMPLE, ""), {**made, **values}), sorted(made)

    def fingerprint(self, files: Mapping[str, str], env: str) -> str:
        """Return a hash over all that decides what the containers run."""
        text = json.dumps([sorted(files.items()), env])
        return hashlib.sha256(text.encode()).hexdigest()

    # Compare

    def stale(self, files: Mapping[str, str]) -> list[str]:
        """Return the files of an earlier version that the stack no longer has."""
        before = self.record().get("files")
        known = before if isinstance(before, dict) else {}
        return sorted(set(known) - set(files))

    def differing(self, files: Mapping[str, str]) -> list[str]:
        """Return the names of the files whose text on the host differs, or that are missing."""
        return sorted(name for name, text in files.items() if read_text(self.path / name) != text)

    def directories(self) -> list[str]:
        """Return the directories that are missing, or have another owner, group or mode."""
        return [entry.path for entry in self._stack.directories if not self._is_right(entry)]

    def _is_right(self, entry: Directory) -> bool:
        try:
            found = (self.path / entry.path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (entry.owner, entry.group, entry.mode)

    def diff(self, files: Mapping[str, str]) -> str:
        """Return the unified diff of the files. The environment file is left out because it has secrets."""
        wanted: dict[str, str | None] = {**dict.fromkeys(self.stale(files)), **files}
        return "".join(self._file_diff(name, wanted[name]) for name in sorted(wanted))

    def _file_diff(self, name: str, after: str | None) -> str:
        place = f"{self._stack.folder}/{name}"
        before = read_text(self.path / name)
        lines = difflib.unified_diff(
            (before or "").splitlines(keepends=True),
            (after or "").splitlines(keepends=True),
            "/dev/null" if before is None else place,
            "/dev/null" if after is None else place,
        )
        return "".join(lines)

    # Write

    def write(self, files: Mapping[str, str], env: str) -> None:
        """Write a version of the stack: directories, files and environment; remove the files of an earlier version."""
        # The tenant's folder keeps its owner and mode: bootstrap or another stack may have set them.
        self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name, mode in (("env", 0o750), (".vsa", 0o700)):
            (self.path / name).mkdir(mode=mode, exist_ok=True)
        before = self.record()
        if before.get("verified") is not None:
            # If this run is killed, the next one must start the containers of these files.
            self._write_record({**before, "verified": None})
        for entry in self._stack.directories:
            self._make(entry)
        for name in self.stale(files):
            (self.path / name).unlink(missing_ok=True)
        for name, text in files.items():
            target = self.path / name
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_atomically(target, text, mode=0o644)
        if self.env() != env:
            write_atomically(self.path / ENV, env, mode=_ENV_MODE)
        self._write_record(
            {
                "schema": 1,
                "name": self._stack.name,
                "tenant": self._stack.tenant,
                "description": self._stack.description,
                "files": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()},
                "verified": None,
            }
        )

    def _make(self, entry: Directory) -> None:
        target = self.path / entry.path
        target.mkdir(mode=entry.mode, parents=True, exist_ok=True)
        if not self._is_right(entry):
            os.chown(target, entry.owner, entry.group)
            os.chmod(target, entry.mode)

    def _write_record(self, record: Mapping[str, Any]) -> None:
        write_atomically(self._record, f"{json.dumps(record, indent=1)}\n", mode=0o600)

    # The last good version

    def verified(self) -> str | None:
        """Return the fingerprint of the version whose containers were healthy last, None if there is none."""
        found = self.record().get("verified")
        return found if isinstance(found, str) else None

    def remember_good(self, files: Mapping[str, str], env: str) -> None:
        """Keep this version as the one that a failed start goes back to."""
        write_atomically(self._good, json.dumps({"schema": 1, "files": dict(files), "env": env}), mode=0o600)
        self._write_record({**self.record(), "verified": self.fingerprint(files, env)})

    def good(self) -> tuple[dict[str, str], str] | None:
        """Return the files and the environment of the last good version, None if there is none."""
        found = read_json(self._good)
        if not isinstance(found, dict) or found.get("schema") != 1:
            return None
        return dict(found["files"]), str(found["env"])

    def keep_refused(self, files: Mapping[str, str], env: str) -> Path:
        """Keep a version that did not start, for the operator to look at. Returns the copy of the environment file."""
        copy = self._own / "refused.env"
        write_atomically(copy, env, mode=0o600)
        write_atomically(self._own / "refused.json", json.dumps({"schema": 1, "files": dict(files)}), mode=0o600)
        return copy
