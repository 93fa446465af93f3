# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack's folder on the host: its files, directories and environment, and the copies of the version that last worked.

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

from ..._core.stack.env import ENV, ENV_EXAMPLE, complete_env, missing_secrets
from ..._core.stack.manifest import Directory, Secret, Stack
from ..machine.files import read_json, read_text, write_atomically
from ..store.layout import Paths

__all__ = ("Folder", "make_secrets")

_LETTERS = string.ascii_letters + string.digits
_ENV_MODE = 0o640


def make_secrets(wanted: tuple[Secret, ...]) -> dict[str, str]:
    """Return a value for each secret: letters and digits, so that it needs no quotes anywhere."""
    return {secret.name: "".join(secrets.choice(_LETTERS) for _letter in range(secret.length)) for secret in wanted}


class Folder:
    """The folder of one stack below the host's root. Every read is taken anew."""

    def __init__(self, paths: Paths, stack: Stack) -> None:
        self._stack = stack
        self.path = Path(paths.root, stack.folder)
        self._own = self.path / ".vsa"
        self._record = self._own / "stack.json"
        self._good = self._own / "good.json"

    def env(self) -> str | None:
        """Return the environment file's text, or None where there is none yet."""
        return read_text(self.path / ENV)

    def record(self) -> dict[str, Any]:
        """Return what was written here last; empty where nothing was."""
        found = read_json(self._record)
        return found if isinstance(found, dict) else {}

    def wanted_env(self, files: Mapping[str, str], said: Mapping[str, str]) -> tuple[str, list[str]]:
        """Return the environment file's text with new secrets and what was said, and the new secrets' names."""
        now = self.env()
        made = make_secrets(missing_secrets(self._stack, now))
        return complete_env(now, files.get(ENV_EXAMPLE, ""), {**made, **said}), sorted(made)

    def fingerprint(self, files: Mapping[str, str], env: str) -> str:
        """Return a hash of all that decides what runs."""
        text = json.dumps([sorted(files.items()), env])
        return hashlib.sha256(text.encode()).hexdigest()

    # What would change

    def stale(self, files: Mapping[str, str]) -> list[str]:
        """Return the files written earlier that the stack no longer has."""
        before = self.record().get("files")
        return sorted(set(before if isinstance(before, dict) else {}) - set(files))

    def differing(self, files: Mapping[str, str]) -> list[str]:
        """Return the names of the files that are not on the host as they should be."""
        return sorted(name for name, text in files.items() if read_text(self.path / name) != text)

    def directories(self) -> list[str]:
        """Return the directories that are missing, or have other owners or modes."""
        return [entry.path for entry in self._stack.directories if not self._is_right(entry)]

    def _is_right(self, entry: Directory) -> bool:
        try:
            found = (self.path / entry.path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (entry.owner, entry.group, entry.mode)

    def diff(self, files: Mapping[str, str]) -> str:
        """Return the unified diff of the files, without the environment file: that has secrets."""
        parts = []
        wanted: dict[str, str | None] = {**dict.fromkeys(self.stale(files)), **files}
        for name in sorted(wanted):
            place = f"{self._stack.folder}/{name}"
            before, after = read_text(self.path / name), wanted[name]
            lines = difflib.unified_diff(
                (before or "").splitlines(keepends=True),
                (after or "").splitlines(keepends=True),
                "/dev/null" if before is None else place,
                "/dev/null" if after is None else place,
            )
            parts.append("".join(lines))
        return "".join(parts)

    # Writing

    def write(self, files: Mapping[str, str], env: str) -> None:
        """Make the folder as it should be: directories, files by rename, no file of an earlier version left."""
        # Not the tenant's folder, which bootstrap or another stack may have given to somebody.
        self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name, mode in (("env", 0o750), (".vsa", 0o700)):
            (self.path / name).mkdir(mode=mode, exist_ok=True)
        before = self.record()
        if before.get("verified") is not None:
            # Whatever ends this run, the next one sees to it that the containers are those of these files.
            write_atomically(self._record, f"{json.dumps({**before, 'verified': None}, indent=1)}\n", mode=0o600)
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
        hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
        after = {
            "schema": 1,
            "name": self._stack.name,
            "tenant": self._stack.tenant,
            "description": self._stack.description,
            "files": hashes,
            "verified": None,
        }
        write_atomically(self._record, f"{json.dumps(after, indent=1)}\n", mode=0o600)

    def _make(self, entry: Directory) -> None:
        target = self.path / entry.path
        target.mkdir(mode=entry.mode, parents=True, exist_ok=True)
        if not self._is_right(entry):
            os.chown(target, entry.owner, entry.group)
            os.chmod(target, entry.mode)

    # The version that last worked

    def verified(self) -> str | None:
        """Return the fingerprint of the version whose containers were last seen healthy."""
        found = self.record().get("verified")
        return found if isinstance(found, str) else None

    def remember_good(self, files: Mapping[str, str], env: str) -> None:
        """Keep this version as the one to return to."""
        write_atomically(self._good, json.dumps({"schema": 1, "files": dict(files), "env": env}), mode=0o600)
        record = {**self.record(), "verified": self.fingerprint(files, env)}
        write_atomically(self._record, f"{json.dumps(record, indent=1)}\n", mode=0o600)

    def good(self) -> tuple[dict[str, str], str] | None:
        """Return the files and the environment of the version that last worked, or None."""
        found = read_json(self._good)
        if not isinstance(found, dict) or found.get("schema") != 1:
            return None
        return dict(found["files"]), str(found["env"])

    def keep_refused(self, files: Mapping[str, str], env: str) -> Path:
        """Keep the version that did not work for the operator to look at; returns the environment file's copy."""
        copy = self._own / "refused.env"
        write_atomically(copy, env, mode=0o600)
        write_atomically(self._own / "refused.json", json.dumps({"schema": 1, "files": dict(files)}), mode=0o600)
        return copy

    def present(self) -> dict[str, str]:
        """Return the texts of the files that were written here, as they are now."""
        known = self.record().get("files")
        texts = {name: read_text(self.path / name) for name in known} if isinstance(known, dict) else {}
        return {name: text for name, text in texts.items() if text is not None}
