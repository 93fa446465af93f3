# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and change files below folders that others than root can write, without following a link of theirs.

A path as text is resolved anew at each use, so its owner can swap a directory for a link between two uses. Here every
directory is opened once, one name at a time and with O_NOFOLLOW, and all work goes through the open directory.
Nothing else in the collection may touch such folders: tests/contracts/test_walk.py. Source: openat(2),
path_resolution(7)
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from ..._core.errors import RefusedError
from .files import make_directory, write_all

__all__ = ("Directory", "Identity", "identity_of", "walk")

# The device and the inode of a file or directory: what it is, whatever its name.
Identity = tuple[int, int]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that somebody put there must not wait for a writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# No file of a stack is larger. A container could put an endless one there.
_MOST_BYTES = 16 << 20
# What the kernel says of a link, a file, a directory or a socket where it should open something else.
_NOT_OF_ITS_KIND = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO)
# As deep as a tree may be. A level takes one look at what is left.
_MOST_LEVELS = 100_000
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def walk(top: Path, *, make: int | None = None) -> Iterator[Directory]:
    """Open a directory to walk from; ``make`` is the mode with which it is made if it is missing.

    The parents of ``top`` are followed as text: only root may be able to write them.
    """
    if make is not None:
        make_directory(top, mode=make)
    handle = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Directory(handle, str(top))
    finally:
        os.close(handle)


class Directory:
    """An open directory. Every name is a path relative to it, without ``..``.

    FileNotFoundError if a directory on the way is missing; RefusedError if one is a link or no directory.
    """

    def __init__(self, handle: int, place: str) -> None:
        self._handle = handle
        self._place = place

    # Go down

    @contextmanager
    def inside(self, name: str = "", *, make: int | None = None) -> Iterator[Directory]:
        """Open a directory below this one; missing ones are made with the mode ``make``."""
        handle = os.dup(self._handle)
        place = self._place
        try:
            for part in _parts(name):
                place = f"{place}/{part}"
                below = _step(handle, part, place, make)
                os.close(handle)
                handle = below
            yield Directory(handle, place)
        finally:
            os.close(handle)

    @contextmanager
    def _parent(self, name: str, *, make: int | None = None) -> Iterator[tuple[int, str]]:
        """Open the directory that has the last part of ``name``. Gives its descriptor and that last part."""
        *above, last = _parts(name)
        with self.inside("/".join(above), make=make) as found:
            yield found._handle, last

    # Look

    def state(self, name: str) -> os.stat_result | None:
        """Return what lies there, of a link the link itself; None if nothing does."""
        try:
            with self._parent(name) as (parent, last):
                return os.stat(last, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def own_state(self) -> os.stat_result:
        """Return what is known of this directory itself."""
        return os.fstat(self._handle)

    def is_directory(self, name: str) -> bool:
        """Say whether a directory lies there; a link to one is none."""
        found = self.state(name)
        return found is not None and stat.S_ISDIR(found.st_mode)

    def names(self) -> list[str]:
        """Return the names in this directory, sorted."""
        return sorted(os.listdir(self._handle))

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is none. RefusedError if it is no plain file, or too large."""
        try:
            with self._parent(name) as (parent, last):
                handle = os.open(last, _FILE, dir_fd=parent)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refusal(name, error) from error
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise self._refusal(name)
            content = b""
            while part := os.read(handle, 1 << 20):
                content += part
                if len(content) > _MOST_BYTES:
                    raise RefusedError(f"{self._place}/{name} is larger than {_MOST_BYTES >> 20} MiB", field="path")
            return content
        finally:
            os.close(handle)

    def _refusal(self, name: str, error: OSError | None = None) -> RefusedError:
        return _refused(self.state(name), f"{self._place}/{name}", "a file", error)

    def size(self, name: str, *, depth: int = 64) -> int:
        """Return the bytes on disk of a file, or of a directory with what is below it, down to a depth."""
        found = self.state(name)
        if found is None:
            return 0
        total = found.st_blocks * 512
        if stat.S_ISDIR(found.st_mode) and depth:
            with suppress(FileNotFoundError, RefusedError), self.inside(name) as below:
                total += sum(below.size(each, depth=depth - 1) for each in below.names())
        return total

    # Change

    def write(self, name: str, content: bytes, *, mode: int) -> None:
        """Write a file by rename: it has the old or the new content, also after a power cut. A link is replaced."""
        with self._parent(name, make=0o755) as (parent, last):
            draft = f".{last}.{secrets.token_hex(4)}"
            handle = os.open(draft, _NEW, mode, dir_fd=parent)
            try:
                os.fchmod(handle, mode)
                write_all(handle, content)
                os.fsync(handle)
                os.rename(draft, last, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException as error:
                with suppress(OSError):
                    os.unlink(draft, dir_fd=parent)
                if isinstance(error, IsADirectoryError):
                    raise self._refusal(name) from error
                if isinstance(error, OSError):
                    raise OSError(error.errno, error.strerror, f"{self._place}/{name}") from error
                raise
            finally:
                os.close(handle)
            os.fsync(parent)

    def own(self, name: str, *, owner: int, group: int, mode: int) -> None:
        """Make a directory unless it is there, and give it its owner, group and mode."""
        with self.inside(name, make=0o700) as found:
            os.fchown(found._handle, owner, group)
            os.fchmod(found._handle, mode)

    def give(self, name: str, *, owner: int, group: int, mode: int) -> None:
        """Change owner, group and mode of a file or directory that is there. RefusedError if it is a link."""
        if not _parts(name) or self.is_directory(name):
            self.own(name, owner=owner, group=group, mode=mode)
            return
        with self._parent(name) as (parent, last):
            try:
                handle = os.open(last, _FILE, dir_fd=parent)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise self._refusal(name, error) from error
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise self._refusal(name)
            os.fchown(handle, owner, group)
            os.fchmod(handle, mode)
        finally:
            os.close(handle)

    def regroup(self, before: int, group: int) -> None:
        """Give everything in this directory that has the group ``before`` another group, at last the directory itself.

        Links stay as they are, and are not followed. What is removed meanwhile is no error.
        """
        for name in self.names():
            found = self.state(name)
            if found is None:
                continue
            with suppress(FileNotFoundError):
                if stat.S_ISDIR(found.st_mode):
                    with self.inside(name) as below:
                        below.regroup(before, group)
                elif stat.S_ISREG(found.st_mode) and found.st_gid == before:
                    self.give(name, owner=found.st_uid, group=group, mode=stat.S_IMODE(found.st_mode))
        if self.own_state().st_gid == before:
            os.fchown(self._handle, -1, group)

    def unlink(self, name: str) -> None:
        """Remove a file or a link. No error if it is gone, or if a directory on the way is."""
        with suppress(FileNotFoundError), self._parent(name) as (parent, last):
            os.unlink(last, dir_fd=parent)

    def remove(self, name: str) -> None:
        """Remove a file, a link, or a directory with everything in it. No error if it is gone."""
        if self.is_directory(name):
            with self.inside(name) as below:
                below.empty()
            self.rmdir(name)
        else:
            self.unlink(name)

    def rmdir(self, name: str) -> bool:
        """Remove a directory if it is empty. Returns whether it is gone."""
        try:
            with self._parent(name) as (parent, last):
                os.rmdir(last, dir_fd=parent)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def move(self, name: str, target: Directory, fresh: str) -> None:
        """Rename a file, link or directory into another open directory of the same file system."""
        with self._parent(name) as (parent, last):
            os.rename(last, fresh, src_dir_fd=parent, dst_dir_fd=target._handle)

    def empty(self) -> None:
        """Remove everything in this directory. Something that is mounted in it is refused.

        A directory is moved up before it is emptied, so that no depth of a hostile tree matters. RefusedError if there
        is always something left: a process that was in the directory before can go on writing.
        """
        for _level in range(_MOST_LEVELS):
            names = self.names()
            if not names:
                return
            for name in names:
                self._remove(name)
        raise RefusedError(f"something keeps writing into {self._place}", field="path", value=self._place)

    def _remove(self, name: str) -> None:
        if not self.is_directory(name):
            self.unlink(name)
            return
        with self.inside(name) as below:
            if below.own_state().st_dev != self.own_state().st_dev:
                raise RefusedError(f"something is mounted on {below._place}", field="path", value=below._place)
            for each in below.names():
                if below.is_directory(each):
                    below.move(each, self, secrets.token_hex(8))
                else:
                    below.unlink(each)
        try:
            os.rmdir(name, dir_fd=self._handle)
        except OSError as error:
            # Somebody wrote into it meanwhile: it is emptied again.
            if error.errno != errno.ENOTEMPTY:
                raise


def identity_of(state: os.stat_result | None) -> Identity | None:
    """Return device and inode; None of nothing."""
    return None if state is None else (state.st_dev, state.st_ino)


def _parts(name: str) -> list[str]:
    """Return the parts of a relative path. RefusedError if it leads up or is absolute."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise RefusedError("this path leads out of its folder", field="path", value=name)
    return list(path.parts)


def _step(handle: int, part: str, place: str, make: int | None) -> int:
    """Open one directory below an open one. A directory that is made here has exactly the mode ``make``."""
    made = False
    if make is not None:
        with suppress(FileExistsError):
            os.mkdir(part, make, dir_fd=handle)
            made = True
    try:
        below = os.open(part, _DIRECTORY, dir_fd=handle)
    except FileNotFoundError:
        raise
    except OSError as error:
        found = os.stat(part, dir_fd=handle, follow_symlinks=False)
        raise _refused(found, place, "a directory", error) from error
    try:
        # mkdir(2) took the bits of the caller's umask away. A directory with content is another one, which somebody put
        # there in the meantime.
        if made and make is not None and not os.listdir(below):
            os.fchmod(below, make)
    except OSError as error:
        os.close(below)
        raise OSError(error.errno, error.strerror, place) from error
    return below


def _refused(found: os.stat_result | None, place: str, wanted: str, error: OSError | None) -> RefusedError:
    """Return the error about something else than what is wanted. It never says where a link leads."""
    if found is not None and stat.S_ISLNK(found.st_mode):
        what = "is a link, and root follows no link where others can write"
    elif error is not None and error.errno not in _NOT_OF_ITS_KIND:
        what = f"cannot be opened: {error.strerror}"
    else:
        what = f"is not {wanted}"
    return RefusedError(
        f"{place} {what}",
        field="path",
        value=place,
        expected=f"{wanted} of its own; a mount (mount --bind) may bring it from another disk",
    )
