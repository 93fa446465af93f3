# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password files of a host: data/htpasswd/<domain>/<path with commas>. A file is always replaced as a whole.

Only root and the group of NGINX's workers can read the files.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..._core.auth.htpasswd import file_name, path_of
from ..machine.files import fsync_directory, read_text, remove_tree, write_atomically
from ..machine.lock import directory_lock
from .key_group import group_below
from .layout import Paths

__all__ = (
    "copy_site",
    "locked",
    "make_missing",
    "missing",
    "protected_on_disk",
    "read_users_file",
    "remains",
    "remove_file",
    "remove_site",
    "users_file",
    "write_users_file",
)

_FILE_MODE = 0o640
_DIRECTORY_MODE = 0o750
_LOCK_SECONDS = 120.0


def users_file(paths: Paths, domain: str, protected: str) -> Path:
    """Return the password file of a protected path. The domain and the path must be validated already."""
    return paths.htpasswd / domain / file_name(protected)


@contextmanager
def locked(paths: Paths) -> Iterator[None]:
    """Hold the lock of the password files. A run that needs the host's lock too must take that lock after this one."""
    # The directory itself is locked, so that no lock file is left beside the sites.
    with directory_lock(paths.htpasswd, name="the lock of the password files", timeout=_LOCK_SECONDS):
        yield


def read_users_file(paths: Paths, domain: str, protected: str) -> str | None:
    """Return the text of a password file, None if there is no such file."""
    return read_text(users_file(paths, domain, protected))


def write_users_file(paths: Paths, domain: str, protected: str, text: str) -> bool:
    """Replace a password file with mode and group. Return whether the content or the rights differed."""
    path = users_file(paths, domain, protected)
    group = group_below(paths.htpasswd)
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700)
        _give(path.parent, group)
        fsync_directory(path.parent.parent)
    return write_atomically(path, text, mode=_FILE_MODE, group=group)


def remove_file(paths: Paths, domain: str, protected: str) -> bool:
    """Remove a password file, and the site's directory if it is empty then. Return whether the file existed."""
    path = users_file(paths, domain, protected)
    existed = path.exists()
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()
    return existed


def protected_on_disk(paths: Paths) -> dict[str, list[str]]:
    """Return the protected paths that have a password file, by domain."""
    found: dict[str, list[str]] = {}
    try:
        directories = sorted(entry for entry in paths.htpasswd.iterdir() if entry.is_dir())
    except FileNotFoundError:
        return {}
    for directory in directories:
        found[directory.name] = sorted(path_of(file.name) for file in directory.iterdir() if file.name[0] == ",")
    return found


def missing(paths: Paths, domain: str, wanted: Iterable[str]) -> list[str]:
    """Return which of the protected paths have no password file."""
    return [protected for protected in wanted if not users_file(paths, domain, protected).is_file()]


def make_missing(paths: Paths, domain: str, wanted: Iterable[str]) -> list[str]:
    """Write an empty password file for each path that has none: then nobody may pass. Return those paths."""
    made = missing(paths, domain, wanted)
    for protected in made:
        write_users_file(paths, domain, protected, "")
    return made


def remains(paths: Paths, domain: str) -> list[str]:
    """Return what is left on disk of a site's password files: their directory, or nothing."""
    place = paths.htpasswd / domain
    return [str(place)] if place.is_symlink() or place.exists() else []


def remove_site(paths: Paths, domain: str) -> list[str]:
    """Remove the password files of a site that the proxy no longer serves. Return the removed paths.

    OSError if the disk does not let us; what is left can still be removed.
    """
    gone = remains(paths, domain)
    place = paths.htpasswd / domain
    if place.is_dir() and not place.is_symlink():
        remove_tree(place, sure=True)
    else:
        place.unlink(missing_ok=True)
    return gone


def copy_site(paths: Paths, domain: str, other: str) -> list[str]:
    """Copy the password files of a site to another domain. Returns the protected paths."""
    copied = protected_on_disk(paths).get(domain, [])
    for protected in copied:
        write_users_file(paths, other, protected, read_users_file(paths, domain, protected) or "")
    return copied


def _give(path: Path, group: int) -> None:
    """Let root and the group of NGINX's workers, and nobody else, read a directory."""
    if os.geteuid() == 0:
        os.chown(path, 0, group)
    path.chmod(_DIRECTORY_MODE)
