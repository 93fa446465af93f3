# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file /etc/vsa/backup.yml: where the backups of a host go, and how long they are kept.

A mapping in, a frozen value out; the file is read elsewhere. No error shows a value of the file that may be a secret.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ... import forms
from ...errors import RefusedError

__all__ = ("BACKUP_SCHEMA", "Access", "BackupSettings", "Keep", "parse_backup_settings")

BACKUP_SCHEMA = 1

_PATH = re.compile(r"(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
_PORT = r"(?::[1-9][0-9]{0,4})?"
_FORMS = {
    "directory": _PATH,
    "sftp": re.compile(rf"sftp://[a-z_][a-z0-9_-]{{0,31}}@{_NAME}{_PORT}{_PATH.pattern}"),
    "s3": re.compile(rf"s3:(?:https://)?{_NAME}{_PORT}{_PATH.pattern}"),
    "rest": re.compile(rf"rest:https://{_NAME}{_PORT}(?:{_PATH.pattern})?/?"),
}
_EXPECTED = (
    "/PATH, sftp://USER@HOST[:PORT]/PATH, s3:HOST/BUCKET or rest:https://HOST[:PORT]/PATH, without a password in it"
)
# What each kind of repository needs, and what it may have besides.
_NEEDED = {"directory": (), "sftp": ("key_file", "known_hosts_file"), "s3": ("access_key", "secret_key"), "rest": ()}
_OPTIONAL = {"directory": (), "sftp": (), "s3": ("region", "ca_file"), "rest": ("user", "password", "ca_file")}
_FILES = ("key_file", "known_hosts_file", "ca_file")
_LEAST_PASSWORD = 16
_MOST_LETTERS = 512


@dataclass(frozen=True)
class Keep:
    """How many runs of a stack are kept: the ``last`` ones, and the newest of each day, week and month that has one."""

    last: int = 10
    daily: int = 7
    weekly: int = 4
    monthly: int = 6


@dataclass(frozen=True)
class Access:
    """What a host shows to a repository that is elsewhere. Fields that end in ``_file`` are paths on the host."""

    key_file: str | None = None
    known_hosts_file: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    region: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None


@dataclass(frozen=True)
class BackupSettings:
    """The settings of a host's backups.

    * ``kind``: ``directory``, ``sftp``, ``s3`` or ``rest``. ``password``: what the repository is encrypted with; None
      if the file has none yet.
    * ``late_hours``: `vsa status` has a finding if the last good backup of a stack is older.
    * ``nightly``: whether the host itself makes a backup each night.
    """

    repository: str
    kind: str
    password: str | None = field(default=None, repr=False)
    access: Access = Access()
    keep: Keep = Keep()
    late_hours: int = 36
    nightly: bool = True

    @property
    def is_remote(self) -> bool:
        """Say whether the repository is reached by the network."""
        return self.kind != "directory"


def parse_backup_settings(data: object, *, where: str = "backup.yml/") -> BackupSettings:
    """Return the settings of a parsed backup.yml. RefusedError names the field that is unknown or has not its form."""
    if not isinstance(data, Mapping):
        raise RefusedError("this is not a mapping", field=where.rstrip("/"), expected="repository: …")
    known = ("schema", "repository", "password", "access", "keep", "late_hours", "nightly")
    _refuse_unknown(data, where, known)
    if data.get("schema") != BACKUP_SCHEMA or isinstance(data["schema"], bool):
        raise RefusedError(
            "this VSA does not know the schema of backup.yml",
            field=f"{where}schema",
            value=data.get("schema"),
            expected=str(BACKUP_SCHEMA),
        )
    repository, kind = _repository(data.get("repository"), f"{where}repository")
    password = data.get("password")
    return BackupSettings(
        repository=repository,
        kind=kind,
        password=None if password is None else _secret(password, f"{where}password", least=_LEAST_PASSWORD),
        access=_access(data.get("access"), kind, f"{where}access"),
        keep=_keep(data.get("keep"), f"{where}keep"),
        late_hours=forms.whole_number(data.get("late_hours", 36), field=f"{where}late_hours", least=1, most=8784),
        nightly=forms.boolean(data.get("nightly", True), field=f"{where}nightly"),
    )


def _refuse_unknown(data: Mapping[str, object], where: str, known: tuple[str, ...]) -> None:
    for key in data:
        if key not in known:
            raise RefusedError(
                "there is no such field",
                field=f"{where}{key}",
                value=key,
                expected=", ".join(known) or "no field at all",
            )


def _repository(value: object, place: str) -> tuple[str, str]:
    """Return the address of the repository and its kind. The error shows no value: it may hold a password."""
    text = value if isinstance(value, str) else ""
    for kind, form in _FORMS.items():
        if len(text) <= _MOST_LETTERS and form.fullmatch(text):
            return text, kind
    raise RefusedError("this is not the address of a repository", field=place, expected=_EXPECTED)


def _secret(value: object, place: str, *, least: int = 1) -> str:
    if not isinstance(value, str) or not least <= len(value) <= _MOST_LETTERS or not value.isprintable():
        raise RefusedError(
            "this is not a secret", field=place, expected=f"{least} to {_MOST_LETTERS} printable letters, in quotes"
        )
    return value


def _access(value: object, kind: str, place: str) -> Access:
    data = {} if value is None else value
    if not isinstance(data, Mapping):
        raise RefusedError("this is not a mapping", field=place, expected=", ".join(_NEEDED[kind]))
    _refuse_unknown(data, f"{place}/", (*_NEEDED[kind], *_OPTIONAL[kind]))
    for key in _NEEDED[kind]:
        if data.get(key) is None:
            raise RefusedError(
                f"a repository of the kind {kind} needs this field", field=f"{place}/{key}", expected=key
            )
    given = {key: entry for key, entry in data.items() if entry is not None}
    for key, entry in given.items():
        if key not in _FILES:
            _secret(entry, f"{place}/{key}")
        elif not isinstance(entry, str) or not _PATH.fullmatch(entry):
            raise RefusedError(
                "this is not an absolute path", field=f"{place}/{key}", value=entry, expected="/etc/vsa/backup.key"
            )
    if ("user" in given) != ("password" in given):
        raise RefusedError("a user and a password belong together", field=f"{place}/user", expected="both, or neither")
    return Access(**given)


def _keep(value: object, place: str) -> Keep:
    data = {} if value is None else value
    if not isinstance(data, Mapping):
        raise RefusedError("this is not a mapping", field=place, value=value, expected="last, daily, weekly, monthly")
    _refuse_unknown(data, f"{place}/", ("last", "daily", "weekly", "monthly"))
    numbers = {key: forms.whole_number(entry, field=f"{place}/{key}", least=0, most=999) for key, entry in data.items()}
    return Keep(**numbers)
