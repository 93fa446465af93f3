# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restic is asked, and how its answers are read: its files, its options, its exit codes and its JSON.

Texts and values in, values out; restic runs elsewhere. Source: https://restic.readthedocs.io/en/stable/075_scripting.html
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .settings import BackupSettings

__all__ = (
    "CONTROL",
    "INCOMPLETE",
    "NO_REPOSITORY",
    "REPOSITORY",
    "RESTIC",
    "WRONG_PASSWORD",
    "Summary",
    "control_files",
    "environment",
    "error_lines",
    "given_files",
    "options",
    "repository_id",
    "summary_of",
)

RESTIC = "restic/restic:0.19.1"
"""The image of restic. Distributions bring older versions without ``--stdin-from-command``, each another one."""

CONTROL = "/control"
"""Where restic's container sees the files with addresses and secrets: argv and environment have no secret."""

REPOSITORY = "/repository"
"""Where restic's container sees a repository that is a directory of the host."""

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

# Exit codes of restic.
INCOMPLETE = 3
NO_REPOSITORY = 10
WRONG_PASSWORD = 12


@dataclass(frozen=True)
class Summary:
    """What restic says at the end of a backup: the snapshot, the bytes it read, and the bytes it added."""

    snapshot: str
    size: int
    added: int


def control_files(settings: BackupSettings) -> dict[str, str]:
    """Return the texts of the files in CONTROL by name."""
    access = settings.access
    files = {"repository": _address(settings), "password": settings.password or ""}
    if access.access_key is not None:
        files["aws"] = (
            f"[default]\naws_access_key_id = {access.access_key}\naws_secret_access_key = {access.secret_key}\n"
        )
    return files


def _address(settings: BackupSettings) -> str:
    if settings.kind == "directory":
        return REPOSITORY
    access = settings.access
    if settings.kind == "rest" and access.user is not None:
        scheme = "rest:https://"
        who = f"{_encoded(access.user)}:{_encoded(access.password or '')}"
        return f"{scheme}{who}@{settings.repository.removeprefix(scheme)}"
    if settings.kind == "sftp":
        # A path after the host is relative to the user's home for restic, unless it begins with two slashes.
        host, _slash, path = settings.repository.removeprefix("sftp://").partition("/")
        return f"sftp://{host}//{path}"
    return settings.repository


def _encoded(text: str) -> str:
    """Return a text as it stands in a URL. Source: RFC 3986, 2.1"""
    return "".join(chr(byte) if chr(byte) in _UNRESERVED else f"%{byte:02X}" for byte in text.encode())


def given_files(settings: BackupSettings) -> dict[str, str]:
    """Return the paths of the host's files that restic needs, by their name in CONTROL."""
    access = settings.access
    named = {"key": access.key_file, "known_hosts": access.known_hosts_file, "ca": access.ca_file}
    return {name: path for name, path in named.items() if path is not None}


def environment(settings: BackupSettings) -> dict[str, str]:
    """Return the environment of restic's container. It holds no secret: everybody who asks the engine can read it."""
    found = {"HOME": "/tmp", "TMPDIR": "/tmp"}  # noqa: S108  the container's own tmpfs
    if settings.kind == "s3":
        found["AWS_SHARED_CREDENTIALS_FILE"] = f"{CONTROL}/aws"
        if settings.access.region:
            found["AWS_DEFAULT_REGION"] = settings.access.region
    return found


def options(settings: BackupSettings) -> list[str]:
    """Return the options of restic that come before each of its commands."""
    found = ["--repository-file", f"{CONTROL}/repository", "--password-file", f"{CONTROL}/password"]
    found += ["--cache-dir", "/cache", "--json", "--quiet", "--retry-lock", "1m"]
    if settings.kind == "sftp":
        words = f"-i {CONTROL}/key -o UserKnownHostsFile={CONTROL}/known_hosts -o StrictHostKeyChecking=yes"
        words += " -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=30"
        found += ["--option", f"sftp.args={words}"]
    if settings.access.ca_file:
        found += ["--cacert", f"{CONTROL}/ca"]
    return found


def _messages(text: str) -> Iterable[dict[str, Any]]:
    for line in text.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found


def repository_id(text: str) -> str:
    """Return the id in what ``restic cat config`` printed; empty if there is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return ""
    return str(found.get("id") or "") if isinstance(found, dict) else ""


def summary_of(text: str) -> Summary | None:
    """Return what restic said at the end of a backup, None if it made no snapshot."""
    for message in _messages(text):
        if message.get("message_type") == "summary" and isinstance(message.get("snapshot_id"), str):
            read = int(message.get("total_bytes_processed") or 0)
            return Summary(message["snapshot_id"], read, int(message.get("data_added_packed") or 0))
    return None


def error_lines(text: str) -> list[str]:
    """Return what restic complains of, a line each: of its JSON the messages, and every line that is no JSON."""
    found = []
    for line in text.splitlines():
        said = next(iter(_messages(line)), None)
        if said is None:
            found.append(line.strip())
            continue
        error = said.get("error")
        words = error.get("message") if isinstance(error, dict) else said.get("message")
        if isinstance(words, str):
            place = said.get("item")
            found += [f"{words}: {place}" if place and str(place) not in words else words]
    return [line for text in found for line in text.splitlines() if line.strip()]
