# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the agent on this host: the program, the units, the address of the hub, and the token.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..machine.files import fsync_directory, make_directory, read_bytes, write_all
from ..machine.sources import needed_sources
from .places import COLLECT, SEND, TIMER, AgentPlaces
from .program import program_bytes
from .units import unit_files

__all__ = (
    "Files",
    "InstalledFile",
    "config_files",
    "program_files",
    "read_files",
    "remove_all",
    "write_files",
)


@dataclass(frozen=True)
class InstalledFile:
    """Content and mode of a file of root's."""

    content: bytes
    mode: int


Files = Mapping[Path, InstalledFile]


def program_files(places: AgentPlaces) -> dict[Path, InstalledFile]:
    """Return the program and the units."""
    # Imported here: to stop the agent, nobody needs its program. The import also tells Ansible what to send.
    from .collector import collect
    from .sender import send

    sources = needed_sources(collect.__name__, send.__name__)
    files = {places.program: InstalledFile(program_bytes(sources), 0o644)}
    for name, text in unit_files().items():
        files[places.unit(name)] = InstalledFile(text.encode(), 0o644)
    return files


def config_files(places: AgentPlaces, *, hub_url: str, token: str, ca: str | None) -> dict[Path, InstalledFile]:
    """Return the files with the address of the hub and the token."""
    hub = {"schema": 1, "hub_url": hub_url, "ca": ca}
    return {
        places.hub: InstalledFile(f"{json.dumps(hub, indent=2)}\n".encode(), 0o600),
        places.token: InstalledFile(f"{token}\n".encode(), 0o600),
    }


def read_files(paths: Mapping[Path, object]) -> dict[Path, InstalledFile]:
    """Return those of the files that are there."""
    found = {}
    for path in paths:
        content = read_bytes(path)
        if content is not None:
            found[path] = InstalledFile(content, path.stat().st_mode & 0o7777)
    return found


def write_files(files: Files) -> None:
    """Write files by rename, each with its mode from the start. OSError if one cannot be written."""
    for path, file in files.items():
        make_directory(path.parent, mode=0o700 if path.parent.name == "agent" else 0o755)
        draft = path.with_name(f".{path.name}.new")
        with suppress(FileNotFoundError):
            draft.unlink()
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, file.mode)
        try:
            os.fchmod(handle, file.mode)
            write_all(handle, file.content)
            os.fsync(handle)
        except OSError:
            draft.unlink()
            raise
        finally:
            os.close(handle)
        os.replace(draft, path)
        fsync_directory(path.parent)


def remove_all(places: AgentPlaces) -> None:
    """Remove every file of the agent. Another program of VSA in the same directory stays."""
    for path in (places.program, *(places.unit(name) for name in (COLLECT, SEND, TIMER))):
        path.unlink(missing_ok=True)
    for folder in (places.config, places.state.parent, places.run, places.state_in_memory.parent):
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        places.program.parent.rmdir()
