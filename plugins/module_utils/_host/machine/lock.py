# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks by flock(2): one change of the proxy, of certbot's state or of the password files at a time.

The kernel releases the lock of a process that is killed. The shell scripts in the containers take the same locks. Only
root can open a lock file, so nobody else can hold a lock; who holds it is what the kernel says, not what a file says.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..._core.errors import RefusedError
from ..._core.locks import holder_of
from ..._core.words import escaped, shortened
from .disk import disk_errors_refused

__all__ = ("LOCK_SECONDS", "directory_lock", "file_lock", "host_lock")

LOCK_SECONDS = 120.0
_POLL_SECONDS = 0.05
_MODE = 0o600
_LOCKS = Path("/proc/locks")
_LONGEST = 120


@contextmanager
def host_lock(path: Path, *, timeout: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock of the host, under which the proxy is changed. See ``file_lock``."""
    with file_lock(path, name="the host's lock", timeout=timeout):
        yield


@contextmanager
def file_lock(path: Path, *, name: str, timeout: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock on a file that only its owner can open.

    RefusedError if another process still holds the lock after ``timeout`` seconds, or if the file cannot be made.
    ``name`` is what the error calls the lock.
    """
    with disk_errors_refused():
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
    try:
        with disk_errors_refused():
            # A lock of before could be opened, and so be held, by everybody.
            os.fchmod(handle, _MODE)
        _require(handle, path, name, timeout)
        yield
    finally:
        os.close(handle)


@contextmanager
def directory_lock(path: Path, *, name: str, timeout: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock on an existing directory itself, so that no lock file lies in it. Otherwise as ``file_lock``."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _require(handle, path, name, timeout)
        yield
    finally:
        os.close(handle)


def _require(handle: int, path: Path, name: str, timeout: float) -> None:
    """Lock an open file. RefusedError names the process that still holds the lock after ``timeout``."""
    if _acquire(handle, timeout):
        return
    raise RefusedError(
        f"{name} is held by {_holder(handle)}",
        field="lock",
        value=str(path),
        hint="wait until that process ends, then try again",
    )


def _holder(handle: int) -> str:
    """Return who holds the lock of an open file, as the kernel says: pid, user and program."""
    found = os.fstat(handle)
    device = (os.major(found.st_dev), os.minor(found.st_dev))
    try:
        text = _LOCKS.read_text(encoding="ascii", errors="replace")
    except OSError:
        text = ""
    pid = holder_of(text, device=device, inode=found.st_ino)
    # The program flock(1) ends, and the shell that started it keeps the lock by its descriptor.
    for holder in (pid, *_who_has_it_open((found.st_dev, found.st_ino))):
        place = _LOCKS.parent / str(holder)
        with suppress(OSError):
            owner = place.stat().st_uid
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            return f"process {holder} of {_user(owner)} ({shortened(escaped(command.strip()), _LONGEST)})"
    return "a process that this host does not show"


def _who_has_it_open(file: tuple[int, int]) -> Iterator[int]:
    """Yield the pids of other processes that hold a lock by an open descriptor of a file (device, inode).

    Source: proc_pid_fdinfo(5), the field ``lock``.
    """
    for place in _LOCKS.parent.iterdir():
        if not place.name.isdigit() or int(place.name) == os.getpid():
            continue
        with suppress(OSError):
            for descriptor in (place / "fdinfo").iterdir():
                found = os.stat(place / "fd" / descriptor.name)
                if (found.st_dev, found.st_ino) == file and "lock:" in descriptor.read_text():
                    yield int(place.name)
                    break


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


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
