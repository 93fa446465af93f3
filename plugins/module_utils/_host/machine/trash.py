# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delete what lies in a folder of others: first rename it to where only root enters, then look at it, then delete it.

The owner of the folder can exchange it until it is renamed, and not afterwards.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import PurePosixPath

from ..._core.errors import RefusedError
from .walk import Directory, Identity, identity_of

__all__ = ("discard", "empty_trash")

_TRASH = ".vsa-trash"


def discard(top: Directory, name: str, expected: Identity) -> None:
    """Delete a file or directory below ``top``. RefusedError if it is no longer the expected one: then it stays."""
    parts = PurePosixPath(name).parts
    found = top.state(name)
    if found is None:
        return
    # The highest directory of the same file system: the fewer people can write there, the better.
    for depth in range(len(parts)):
        with top.inside("/".join(parts[:depth])) as base:
            if base.own_state().st_dev == found.st_dev and _discard_into(base, top, name, expected):
                return
    raise RefusedError(f"{name} cannot be moved to a trash folder on its file system", field="path", value=name)


def _discard_into(base: Directory, top: Directory, name: str, expected: Identity) -> bool:
    """Delete it by the trash folder of a directory. Returns False if they are not on one file system after all."""
    try:
        with base.inside(_TRASH, make=0o700) as trash:
            _require_own(trash, name)
            moved = secrets.token_hex(8)
            try:
                top.move(name, trash, moved)
            except OSError as error:
                if error.errno == errno.EXDEV:
                    return False
                raise
            if identity_of(trash.state(moved)) != expected:
                _put_back(trash, moved, top, name)
            trash.empty()
    finally:
        base.rmdir(_TRASH)
    return True


def _require_own(trash: Directory, name: str) -> None:
    state = trash.own_state()
    if state.st_uid != os.geteuid() or state.st_mode & 0o077:
        raise RefusedError(f"the trash folder for {name} is not root's alone", field="path", value=_TRASH)


def _put_back(trash: Directory, moved: str, top: Directory, name: str) -> None:
    """Give back what took the place of the expected file or directory. RefusedError in any case."""
    where = name
    while top.state(where) is not None:
        where = f"{name}.{secrets.token_hex(4)}"
    with top.inside(str(PurePosixPath(where).parent)) as parent:
        trash.move(moved, parent, PurePosixPath(where).name)
    raise RefusedError(f"{name} was exchanged for something else meanwhile, which stays", field="path", value=name)


def empty_trash(top: Directory) -> None:
    """Delete what an interrupted run left in the trash folders of a directory and of those one and two levels below."""
    places = [""]
    for _level in range(2):
        places += [f"{place}/{name}".strip("/") for place in places for name in _directories(top, place)]
    for place in dict.fromkeys(places):
        with suppress(FileNotFoundError, RefusedError), top.inside(place) as base:
            if base.state(_TRASH) is None:
                continue
            with base.inside(_TRASH) as trash:
                _require_own(trash, place)
                trash.empty()
            base.rmdir(_TRASH)


def _directories(top: Directory, place: str) -> list[str]:
    try:
        with top.inside(place) as base:
            return [name for name in base.names() if name != _TRASH and base.is_directory(name)]
    except (FileNotFoundError, RefusedError):
        return []
