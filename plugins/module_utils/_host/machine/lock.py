# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's lock: one change of the proxy at a time, whoever makes it.

It is flock(2), so a process that is killed gives it back at once. The reloader takes the same file.
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

__all__ = ("host_lock",)


@contextmanager
def host_lock(path: Path, *, timeout: float = 120.0) -> Iterator[None]:
    """Hold the lock; RefusedError after ``timeout`` seconds of waiting, with who holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    holder = os.pread(handle, 200, 0).decode(errors="replace").strip() or "another run"
                    raise RefusedError(
                        f"the host's lock is held by {holder}",
                        field="lock",
                        value=str(path),
                        hint="wait for the other run, then try again",
                    ) from None
                time.sleep(0.05)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
