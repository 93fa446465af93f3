# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write several files in two steps: first their content beside them, later only names change, and that can be undone.

So a full disk is met before the first file changes. What a killed process leaves, ``clear_drafts`` removes.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from .files import fsync_directory, read_bytes, write_all

__all__ = ("Drafts", "clear_drafts")

# Eight letters, as tempfile makes them: whoever removes a site knows such names as leftovers of its manifest.
_DRAFT = "vsadraft"
_BEFORE = "vsabefor"


class Drafts:
    """Files that change together. The caller holds the lock of the host."""

    def __init__(self) -> None:
        self._files: dict[Path, bool] = {}
        self._done: list[Path] = []

    def write(self, path: Path, text: str, *, mode: int) -> None:
        """Write the content of a file beside it and fsync it. Nothing is done for a file that is right already."""
        content = text.encode()
        with suppress(OSError):
            if read_bytes(path) == content and path.stat().st_mode & 0o7777 == mode:
                return
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(_beside(path, _DRAFT), flags, mode)
        try:
            os.fchmod(handle, mode)
            write_all(handle, content)
            os.fsync(handle)
        except OSError as error:
            # write(2) and fsync(2) know no path, and the operator needs one.
            raise OSError(error.errno, error.strerror, str(path)) from error
        finally:
            os.close(handle)
        self._files[path] = True

    def remove(self, path: Path) -> None:
        """Note that a file goes."""
        self._files[path] = False

    def commit(self) -> None:
        """Give every draft its name, and remove what goes. If that raises, ``undo`` brings back what was there."""
        for path, stays in self._files.items():
            before = _beside(path, _BEFORE)
            before.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                os.link(path, before, follow_symlinks=False)
            self._done.append(path)
            if stays:
                os.replace(_beside(path, _DRAFT), path)
            else:
                path.unlink(missing_ok=True)
        for directory in {path.parent for path in self._files}:
            fsync_directory(directory)

    def undo(self) -> None:
        """Bring back the files that ``commit`` changed."""
        for path in reversed(self._done):
            before = _beside(path, _BEFORE)
            if before.exists():
                os.replace(before, path)
            else:
                path.unlink(missing_ok=True)
        self._done.clear()


def clear_drafts(directory: Path) -> None:
    """Remove what is left of drafts in a directory. What cannot be removed stays until the next time."""
    with suppress(OSError):
        for name in os.listdir(directory):
            if name.startswith(".") and name.endswith((f".{_DRAFT}", f".{_BEFORE}")):
                (directory / name).unlink(missing_ok=True)


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{kind}")
