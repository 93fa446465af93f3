"""A disk that fails: the calls by which Python changes files raise an error of the operating system."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

__all__ = ("CREATES", "FailingDisk", "failing_disk")

_CALLS = (
    "open",
    "write",
    "fsync",
    "mkdir",
    "rename",
    "replace",
    "symlink",
    "link",
    "unlink",
    "rmdir",
    "chmod",
    "fchmod",
)
CREATES = ("open", "mkdir", "symlink", "link")
"""The calls that need an inode, and the directory in which they make something."""

# What still works on a full disk, and on a disk without inodes.
_FREES = ("unlink", "rmdir", "rename", "replace", "chmod", "fchmod", "fsync")


class FailingDisk:
    """Counts the changes below ``root``; from number ``at`` on they fail with ``code``: one of them, or all.

    Files named in ``spared`` do not count, nor does what lies below a directory in ``apart``. Of ``calls`` alone, None
    means every call that changes something. While ``paused`` nothing fails: other programs write. ``failed`` says which
    calls failed.
    """

    def __init__(
        self,
        root: Path,
        *,
        at: int,
        code: int,
        lasting: bool,
        spared: tuple[str, ...] = (),
        calls: tuple[str, ...] | None = None,
        apart: tuple[Path, ...] = (),
    ) -> None:
        self._root = os.path.realpath(root)
        self._at = at
        self._code = code
        self._lasting = lasting
        self._spared = spared
        self._calls = calls
        self._apart = tuple(os.path.realpath(place) for place in apart)
        self.paused = False
        self.seen = 0
        self.failed: list[str] = []

    def _path(self, argument: Any) -> str:
        if isinstance(argument, int):
            try:
                return str(Path(f"/proc/self/fd/{argument}").readlink())
            except OSError:
                return ""
        return os.fspath(argument)

    def _counts(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> bool:
        if self.paused or (self._calls is not None and name not in self._calls):
            return False
        path = self._path(arguments[1] if name == "symlink" else arguments[0])
        below_another = named.get("dir_fd") is not None or named.get("src_dir_fd") is not None
        relative = not Path(path).is_absolute() and (below_another or name == "open")
        if not (relative or path.startswith(self._root)) or Path(path).name in self._spared:
            return False
        if path.startswith(self._apart):
            return False
        if name == "open":
            return bool(arguments[1] & (os.O_CREAT | os.O_TRUNC))
        return True

    def check(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Raise the error if this call is to fail."""
        if not self._counts(name, arguments, named):
            return
        self.seen += 1
        due = self.seen > self._at if self._lasting else self.seen == self._at + 1
        spared = self._lasting and self._code in (errno.ENOSPC, errno.EDQUOT) and name in _FREES
        if due and not spared:
            path = self._path(arguments[0])
            self.failed.append(f"{name} {path}")
            raise OSError(self._code, os.strerror(self._code), path)


@contextmanager
def failing_disk(root: Path, **options: Any) -> Iterator[FailingDisk]:
    """Let changes below a directory fail meanwhile."""
    disk = FailingDisk(root, **options)

    def failing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            disk.check(name, arguments, named)
            return real(*arguments, **named)

        return call

    patches = [mock.patch.object(os, name, failing(name, getattr(os, name))) for name in _CALLS]
    for patch in patches:
        patch.start()
    try:
        yield disk
    finally:
        for patch in reversed(patches):
            patch.stop()
