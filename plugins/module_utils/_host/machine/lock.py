# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks by flock(2): one change of the proxy, of certbot's state or of the password files at a time.

The kernel releases the lock of a process that is killed. The shell scripts in the containers take the same locks.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..._core.errors import RefusedError

__all__ = ("directory_lock", "file_lock", "host_lock")

LOCK_SECONDS = 120.0
_POLL_SECONDS = 0.05


@contextmanager
def host_lock(path: Path, *, timeout: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock of the host, under which the proxy is changed. See ``file_lock``."""
    with file_lock(path, name="the host's lock", timeout=timeout):
        yield


@contextmanager
def file_lock(path: Path, *, name: str, timeout: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock on a file, and write the holder's process id into the file.

    RefusedError if another process still holds the lock after ``timeout`` seconds. ``name`` is what the error calls it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if not _acquire(handle, timeout):
            holder = os.pread(handle, 200, 0).decode(errors="replace").strip()
            raise _held(path, name, holder)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


@contextmanager
def directory_lock(path: Path, *, name: str, timeout: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock on an existing directory itself, so that no lock file lies in it. Otherwise as ``file_lock``."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not _acquire(handle, timeout):
            raise _held(path, name, "")
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, timeout: float) -> bool:
    """Lock an open file exclusively. Returns False if another process still holds the lock after ``timeout``."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True


def _held(path: Path, name: str, holder: str) -> RefusedError:
    return RefusedError(
        f"{name} is held by {holder or 'another run'}",
        field="lock",
        value=str(path),
        hint="wait for the other run, then try again",
    )
