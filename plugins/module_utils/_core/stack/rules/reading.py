# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files Compose reads before it says anything: ``include``, ``extends``, ``env_file`` and ``label_file``.

These files are gone in what ``docker compose config`` says, so they are judged in the Compose files themselves.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...finding import Finding
from .catalogue import violation

__all__ = ("COMPOSE_FILES", "Reference", "judge_references", "references")

COMPOSE_FILES = ("compose.yml", "compose.override.yml")
"""The files that VSA gives to Compose, if the stack has them."""


@dataclass(frozen=True)
class Reference:
    """A file that a Compose file names; ``loads`` says whether Compose reads it as a Compose file."""

    subject: str
    path: str
    loads: bool = False


def references(document: object) -> list[Reference]:
    """Return the files that a Compose file names for Compose to read."""
    if not isinstance(document, Mapping):
        return []
    found = list(_includes(document.get("include")))
    services = document.get("services")
    for name, service in services.items() if isinstance(services, Mapping) else ():
        if not isinstance(service, Mapping):
            continue
        extends = service.get("extends")
        if isinstance(extends, Mapping) and extends.get("file") is not None:
            found.append(Reference(f"{name} extends", str(extends["file"]), loads=True))
        for key in ("env_file", "label_file"):
            found += [Reference(f"{name} {key}", path) for path in _paths(service.get(key))]
    return found


def _includes(value: object) -> Iterator[Reference]:
    entries = value if isinstance(value, list) else [value]
    for entry in filter(None, entries):
        if not isinstance(entry, Mapping):
            yield Reference("include", str(entry), loads=True)
            continue
        for path in _paths(entry.get("path")):
            yield Reference("include", path, loads=True)
        for key in ("env_file", "project_directory"):
            for path in _paths(entry.get(key)):
                yield Reference(f"include {key}", path)


def _paths(value: object) -> list[str]:
    """Return the paths of a text, of a mapping with ``path``, or of a list of both."""
    if value is None:
        return []
    entries = value if isinstance(value, list) else [value]
    return [str(entry.get("path") if isinstance(entry, Mapping) else entry) for entry in entries]


def judge_references(found: list[Reference]) -> list[Finding]:
    """Return the references that lead out of the stack's folder, or that only Compose could tell."""
    outside = [entry for entry in found if not _stays_inside(entry.path)]
    return [
        violation("file-outside", f"{entry.subject} {entry.path}", f"{entry.subject} names {entry.path}")
        for entry in outside
    ]


def _stays_inside(path: str) -> bool:
    """Say whether a path is relative, without ``..`` and variables, and no address."""
    plain = not path.startswith(("/", "~")) and "$" not in path and ":" not in path and "\\" not in path
    return bool(path) and plain and ".." not in path.split("/")
