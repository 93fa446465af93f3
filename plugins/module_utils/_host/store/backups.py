# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VSA keeps about backups: /etc/vsa/backup.yml, and below /var/lib/vsa what was saved and what is being restored.

* /etc/vsa/backup.yml: where backups go, with the password; 0600 of root.
* /var/lib/vsa/backup.json: the id of the repository that was used last, so that a lost one is not taken for a new one.
* /var/lib/vsa/stacks/<tenant>/<name>/backup.json and restore.json: the last backup, and a restore under way.
* /run/vsa-backup/<project>: files with secrets for one run of restic. It lies in memory, and is removed afterwards.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..._core import forms
from ..._core.auth.htpasswd import file_name, path_of, users
from ..._core.errors import RefusedError
from ..._core.shape import ListOf, Maybe, Object
from ..._core.stack.backup.settings import BACKUP_SCHEMA, BackupSettings, parse_backup_settings
from ..machine.files import load_yaml, make_directory, read_bytes, read_text, remove_tree, write_atomically, write_new
from ..machine.lock import file_lock
from .documents import read_document
from .layout import Paths
from .passwords import locked, protected_on_disk, read_users_file, write_users_file

__all__ = (
    "BackupRecord",
    "RestoreJournal",
    "add_password",
    "cache_directory",
    "control_directory",
    "forget_restored",
    "keep_repository",
    "known_repository",
    "read_backup_settings",
    "repository_directory",
    "restore_directory",
    "stack_lock",
    "take_allowed",
    "take_sites",
    "take_users",
    "users_texts",
    "write_about",
)

_SETTINGS = "etc/vsa/backup.yml"
_CONTROL = "run/vsa-backup"
_CACHE = "var/cache/vsa-restic"
_MODE = 0o600
_PRIVATE = 0o700
_REPOSITORY_SHAPE = Object({"repository": str, "id": str}, {})
_RECORD_SHAPE = Object(
    {"schema": int},
    {"run": Maybe(str), "time": Maybe(str), "failure": Maybe(str), "failed": Maybe(str), "stopped": ListOf(str)},
)
_JOURNAL_SHAPE = Object({"schema": int, "run": str, "suffix": str, "moved": ListOf(str)}, {"stack": str})


# The settings


def read_backup_settings(paths: Paths) -> BackupSettings | None:
    """Return the settings of this host's backups, None if there is no such file.

    RefusedError if the file is not valid, or if others than its owner may read it.
    """
    path = Path(paths.root, _SETTINGS)
    text = read_text(path)
    if text is None:
        return None
    found = path.stat()
    if found.st_mode & 0o077 or found.st_uid != os.geteuid():
        raise RefusedError(
            "others than root may read the password of the backups",
            field="backup.yml",
            value=str(path),
            expected="owner root, mode 0600",
            hint=f"chown root {path}; chmod 600 {path}",
        )
    return parse_backup_settings(load_yaml(text, where=str(path)))


def add_password(paths: Paths, password: str) -> None:
    """Add the password to the settings; all other lines of the file stay."""
    path = Path(paths.root, _SETTINGS)
    text = (read_text(path) or f"schema: {BACKUP_SCHEMA}\n").rstrip("\n")
    write_atomically(path, f'{text}\npassword: "{password}"\n', mode=_MODE)


# The repository


def known_repository(paths: Paths, address: str) -> str | None:
    """Return the id of the repository at an address, None if this host has not used it before."""
    found = read_document(paths.state / "backup.json", _REPOSITORY_SHAPE)
    return str(found["id"]) if found and found["repository"] == address else None


def keep_repository(paths: Paths, address: str, identity: str) -> None:
    """Note down the id of the repository that is used now."""
    make_directory(paths.state, mode=0o755)
    text = json.dumps({"repository": address, "id": identity})
    write_atomically(paths.state / "backup.json", f"{text}\n", mode=_MODE)


def repository_directory(settings: BackupSettings, paths: Paths, *, make: bool) -> Path | None:
    """Return the directory of a repository that is one, None if there is none. With ``make`` it is made."""
    path = Path(paths.root, settings.repository.lstrip("/"))
    if make:
        make_directory(path, mode=_PRIVATE)
    return path if path.is_dir() else None


def cache_directory(paths: Paths) -> Path:
    """Return the directory of restic's cache, which may be removed at any time."""
    path = Path(paths.root, _CACHE)
    make_directory(path, mode=_PRIVATE)
    return path


@contextmanager
def control_directory(paths: Paths, name: str, texts: Mapping[str, str], files: Mapping[str, str]) -> Iterator[Path]:
    """Give a directory with files for one run of restic: ``texts``, and copies of the host's ``files``.

    RefusedError if one of the files is missing. The directory is gone afterwards; the next run of the same name removes
    what a killed run left.
    """
    contents = {key: text.encode() for key, text in texts.items()}
    for key, path in files.items():
        content = read_bytes(Path(paths.root, path.lstrip("/")))
        if content is None:
            raise RefusedError("this file is missing", field="backup.yml/access", value=path, expected=f"the {key}")
        contents[key] = content
    above = Path(paths.root, _CONTROL)
    place = above / name
    make_directory(above, mode=_PRIVATE)
    remove_tree(place, sure=True)
    make_directory(place, mode=_PRIVATE)
    try:
        for key, content in contents.items():
            write_new(place / key, content, mode=_MODE)
        yield place
    finally:
        remove_tree(place)


# One stack


@contextmanager
def stack_lock(paths: Paths, tenant: str, name: str) -> Iterator[None]:
    """Hold the lock under which a stack is saved or restored."""
    state = paths.stack_state(tenant, name)
    make_directory(state, mode=_PRIVATE)
    with file_lock(state / ".backup-lock", name=f"the lock of the backups of {tenant}/{name}", timeout=5):
        yield


class BackupRecord:
    """What is known of the last backup of a stack, and which of its containers a backup has stopped."""

    def __init__(self, paths: Paths, tenant: str, name: str) -> None:
        self._path = paths.stack_state(tenant, name) / "backup.json"

    def read(self) -> dict[str, Any]:
        """Return the record; empty if there is none, or if it is damaged."""
        return dict(read_document(self._path, _RECORD_SHAPE) or {})

    def note(self, **values: object) -> None:
        """Set fields of the record; the others stay."""
        make_directory(self._path.parent, mode=_PRIVATE)
        write_atomically(self._path, f"{json.dumps({**self.read(), 'schema': 1, **values})}\n", mode=_MODE)


class RestoreJournal:
    """A restore under way: the run that is restored, the suffix of what was before, and what was moved aside.

    ``saved`` is the name under which the run was saved; a restore may give the stack another name.
    """

    def __init__(self, paths: Paths, tenant: str, name: str, *, saved: str | None = None) -> None:
        self.path = paths.restore_journal(tenant, name)
        self._saved = saved or name

    def read(self) -> dict[str, Any] | None:
        """Return the journal, None if no restore is under way."""
        found = read_document(self.path, _JOURNAL_SHAPE)
        return dict(found) if found else None

    def write(self, *, run: str, suffix: str, moved: list[str]) -> None:
        """Write the journal, and wait until the disk has it."""
        make_directory(self.path.parent, mode=_PRIVATE)
        text = json.dumps({"schema": 1, "run": run, "suffix": suffix, "moved": moved, "stack": self._saved})
        write_atomically(self.path, f"{text}\n", mode=_MODE)

    def remove(self) -> None:
        """Remove the journal: the restore is done."""
        self.path.unlink(missing_ok=True)


# A restore


def write_about(control: Path, texts: Mapping[str, str]) -> None:
    """Write the files that a restore reads first into the directory for restic."""
    place = control / "about"
    make_directory(place, mode=_PRIVATE)
    for name, text in texts.items():
        write_new(place / name, text.encode(), mode=_MODE)


def forget_restored(paths: Paths, tenant: str, name: str) -> None:
    """Remove the tree into which a run was restored first."""
    remove_tree(paths.state / "restore" / tenant / name)


def restore_directory(paths: Paths, tenant: str, name: str) -> Paths:
    """Return the paths of an empty tree into which the files of a run are restored first. Only root enters it."""
    path = paths.state / "restore" / tenant / name
    remove_tree(path, sure=True)
    for place in (path.parents[1], path.parent, path, path / "about"):
        make_directory(place, mode=_PRIVATE)
    return Paths(str(path))


def take_allowed(restored: Paths, before: tuple[str, str], paths: Paths, now: tuple[str, str]) -> None:
    """Take over what was allowed for a stack, unless the host has something of its own. Stacks are (tenant, name)."""
    text = read_text(restored.stack_state(*before) / "allowed.json")
    target = paths.stack_state(*now) / "allowed.json"
    if text is not None and not target.exists():
        write_atomically(target, text, mode=_MODE)


def take_sites(restored: Paths, paths: Paths) -> list[str]:
    """Write the manifests of a run that the host lacks. Returns the domains of all manifests of the run."""
    domains = []
    for path in sorted(Path(restored.root, "about").glob("site-*.yml")):
        domain = forms.domain(path.name[len("site-") : -len(".yml")])
        target = paths.sites / f"{domain}.yml"
        if not target.exists():
            make_directory(paths.sites, mode=0o755)
            write_atomically(target, read_text(path) or "", mode=0o644)
        domains.append(domain)
    return domains


def users_texts(paths: Paths, domains: Collection[str]) -> dict[str, str]:
    """Return the password files of sites, by the names that they have among the files of a run."""
    found = {}
    for domain, protected in protected_on_disk(paths).items():
        for path in protected if domain in domains else ():
            found[f"users-{domain}{file_name(path)}"] = read_users_file(paths, domain, path) or ""
    return found


def take_users(restored: Paths, paths: Paths) -> None:
    """Write the password files of a run for each path that has no user on this host.

    Without a reverse proxy there is no place for them: then `stack up` asks for a password as for a new site.
    """
    found = sorted(Path(restored.root, "about").glob("users-*"))
    if not found or not paths.htpasswd.is_dir():
        return
    with locked(paths):
        for file in found:
            name, comma, rest = file.name[len("users-") :].partition(",")
            domain, protected = forms.domain(name), forms.path(path_of(comma + rest))
            if not users(read_users_file(paths, domain, protected) or ""):
                write_users_file(paths, domain, protected, read_text(file) or "")
