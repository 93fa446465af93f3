# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the operating system at files: a full or read-only disk, a missing directory. They are no faults of VSA.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..._core.errors import NotRolledBackError, RefusedError

__all__ = ("disk_errors_refused", "disk_errors_told", "disk_words", "is_disk_error", "refused_write", "way_out")

_SPACE = (errno.ENOSPC, errno.EDQUOT)
_RIGHTS = (errno.EROFS, errno.EACCES, errno.EPERM)
_PLACES = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EXDEV)
_DEVICE = (errno.EIO, errno.ESTALE, errno.EFBIG, errno.EMLINK, errno.EMFILE, errno.ENFILE, errno.ENOTEMPTY)
_KNOWN = {*_SPACE, *_RIGHTS, *_PLACES, *_DEVICE}


def is_disk_error(error: OSError) -> bool:
    """Say whether an error is about a file or a disk. A lost connection is an OSError of Python too."""
    return error.errno in _KNOWN


def disk_words(error: OSError) -> str:
    """Return an error of the operating system in one line, with the path if the error names one."""
    what = error.strerror or str(error)
    return f"{what}: {error.filename}" if error.filename else what


def way_out(error: OSError) -> str:
    """Return what the operator can do about an error, before the same verb is run again."""
    place = os.path.dirname(str(error.filename)) if error.filename else "the host's disks"
    if error.errno in _SPACE:
        return f"free space and inodes (df -h, df -i) for {place}, then run the same verb again"
    if error.errno in _RIGHTS:
        return f"make {place} writable for root (mount, lsattr), then run the same verb again"
    return f"look at {place} and at the kernel's log (dmesg), then run the same verb again"


def refused_write(error: OSError) -> RefusedError:
    """Return the refusal for an error before anything was changed."""
    path = str(error.filename) if error.filename else None
    return RefusedError(
        f"a file could not be written: {error.strerror or error}",
        field="path" if path else None,
        value=path,
        hint=way_out(error),
    )


@contextmanager
def disk_errors_refused() -> Iterator[None]:
    """Turn an error of the disk into a RefusedError. Only for work that leaves nothing half done."""
    try:
        yield
    except OSError as error:
        if not is_disk_error(error):
            raise
        raise refused_write(error) from error


@contextmanager
def disk_errors_told(state: str | Callable[[], str]) -> Iterator[None]:
    """Turn an error of the disk into a NotRolledBackError that says what is done: for work that cannot be undone.

    ``state`` is what the host has now, or returns that when the error comes.
    """
    try:
        yield
    except OSError as error:
        if not is_disk_error(error):
            raise
        raise NotRolledBackError(
            f"a file could not be written: {disk_words(error)}",
            field="path" if error.filename else None,
            value=str(error.filename) if error.filename else None,
            state=state if isinstance(state, str) else state(),
            hint=way_out(error),
        ) from error
