# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write files on the host. A reader, and a power cut, sees the old or the new content, never a part.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..._core.errors import RefusedError
from ..._core.libraries import library

__all__ = (
    "dump_yaml",
    "fsync_directory",
    "fsync_files",
    "load_yaml",
    "make_directory",
    "point_link",
    "read_bytes",
    "read_json",
    "read_text",
    "remove_tree",
    "require_room",
    "write_all",
    "write_atomically",
    "write_draft",
    "write_new",
)

# What the name of a file begins with that only tries whether a directory has room.
_ROOM = "..room."


def read_bytes(path: Path | str) -> bytes | None:
    """Return a file's content, None if there is no such file.

    A transaction reads thousands of small files, and pathlib would take more time for them than the kernel.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        content = os.read(handle, 1 << 16)
        while part := os.read(handle, 1 << 20):
            content += part
    finally:
        os.close(handle)
    return content


def read_text(path: Path | str) -> str | None:
    """Return a file's text with its line ends unchanged, None if there is no such file."""
    content = read_bytes(path)
    return None if content is None else content.decode()


def read_json(path: Path) -> Any:
    """Return the data of a JSON file, None if there is no such file or it is not JSON in UTF-8."""
    content = read_bytes(path)
    try:
        return None if content is None else json.loads(content.decode())
    except (ValueError, RecursionError):
        return None


def load_yaml(text: str, *, where: str) -> Any:
    """Return the data of a YAML text, with safe types only. RefusedError names the line of a mistake."""
    with library("yaml"):
        import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506  a safe loader, in C where there is one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}:{mark.line + 1}" if mark else where
        words = " ".join(str(getattr(error, "problem", None) or error).split())
        raise RefusedError(f"{place} is not YAML: {words}", field="manifest", value=place) from error
    except (ValueError, RecursionError) as error:  # an impossible date, say
        raise RefusedError(f"{where} is not YAML: {error}", field="manifest", value=where) from error


def dump_yaml(data: Any) -> str:
    """Return data as YAML text for people: keys in the given order, block style."""
    with library("yaml"):
        import yaml

    return yaml.safe_dump(data, sort_keys=False, default_flow_style=False, allow_unicode=True)


def fsync_directory(path: Path) -> None:
    """fsync the entries of a directory: new, renamed and removed files."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# Above this many files one syncfs(2) is faster than an fsync(2) each (2,000 files: 0.25 s against 1.4 s); below it the
# rest of the file system's unwritten data, a database's say, must not be waited for.
_MANY = 64


def fsync_files(directory: Path, files: Sequence[Path | str], *, folders: Iterable[Path] = ()) -> None:
    """fsync the content of files, then the entries of ``folders``. All are on the file system of ``directory``."""
    if len(files) > _MANY and _syncfs(directory):
        return
    for path in files:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    for folder in folders:
        fsync_directory(folder)


def _syncfs(directory: Path) -> bool:
    """Call syncfs(2), which Python's os module does not have. Returns whether it did its work."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        return bool(ctypes.CDLL(None, use_errno=True).syncfs(handle) == 0)
    except (AttributeError, OSError):
        return False
    finally:
        os.close(handle)


def make_directory(path: Path, *, mode: int) -> None:
    """Make a directory that is missing, with exactly this mode; missing parents get 0755. One that is there stays.

    mkdir(2) takes the bits of the caller's umask away. So under the umask 077 NGINX's workers could not enter what root
    makes for them, if the mode were not set afterwards.
    """
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_directory(path.parent, mode=0o755)
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        if path.is_dir():
            return  # another run made it
        raise
    path.chmod(mode)


def write_new(path: Path | str, content: bytes, *, mode: int = 0o444) -> None:
    """Write a file that must not exist yet. There is no fsync: the caller does that for many files at once."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.fchmod(handle, mode)
        write_all(handle, content)
    finally:
        os.close(handle)


def _remove_at_last(path: Path) -> None:
    """Remove a file. If this fails, try once more before the error goes on: a disk can be full for a moment."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def require_room(directory: Path, size: int) -> None:
    """Raise OSError if a directory takes no file of ``size`` bytes.

    The file that tries it loses its name before it gets its bytes, so that a killed process leaves nothing behind. What
    a process of an earlier release left is removed.
    """
    try:
        for left in directory.glob(f"{_ROOM}*"):
            left.unlink(missing_ok=True)
        handle, name = tempfile.mkstemp(dir=directory, prefix=_ROOM)
        try:
            _remove_at_last(Path(name))
            write_all(handle, b"\0" * size)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise _at(directory, error) from error


def write_all(handle: int, content: bytes) -> None:
    """Write all of a content to a descriptor: write(2) may take a part of it."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def write_atomically(path: Path, text: str, *, mode: int = 0o644, group: int | None = None) -> bool:
    """Write a file by rename, unless it already has this text, mode and group. Returns whether it wrote.

    Only root may give a file to any group. If the process does not run as root, ``group`` is ignored. After an OSError
    the file is what it was before.
    """
    group = group if os.geteuid() == 0 else None
    before: bytes | None = None
    try:
        there = path.stat()
        before = read_bytes(path)
        if before == text.encode() and there.st_mode & 0o7777 == mode and group in (None, there.st_gid):
            return False
    except FileNotFoundError:
        pass
    draft = write_draft(path, text, mode=mode, group=group)
    try:
        os.replace(draft, path)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _at(path, error) from error
        raise
    try:
        fsync_directory(path.parent)
    except OSError as error:
        _put_back(path, before, there if before is not None else None)
        raise _at(path, error) from error
    return True


def write_draft(path: Path, text: str, *, mode: int = 0o644, group: int | None = None) -> Path:
    """Write a text to a new file beside ``path``, fsync the new file, and return its path.

    The caller renames or removes the new file. After an OSError the new file is gone.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            if group is not None:
                os.fchown(stream.fileno(), -1, group)
            os.fchmod(stream.fileno(), mode)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException as error:
        with suppress(OSError):
            Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _at(path, error) from error
        raise
    return Path(name)


def _at(path: Path, error: OSError) -> OSError:
    """Return an error with the path of the file. write(2) and fsync(2) know no path, and the operator needs one."""
    return OSError(error.errno, error.strerror, str(path))


def _put_back(path: Path, content: bytes | None, state: os.stat_result | None) -> None:
    """Give a file the content, mode and group of before, as far as the disk lets us; None removes the file."""
    with suppress(OSError):
        if content is None or state is None:
            path.unlink(missing_ok=True)
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            if os.geteuid() == 0:
                os.fchown(handle, state.st_uid, state.st_gid)
            os.fchmod(handle, state.st_mode & 0o7777)
            write_all(handle, content)
        finally:
            os.close(handle)
        os.replace(name, path)


def point_link(link: Path, target: str) -> None:
    """Point a symbolic link to a relative target, in one atomic rename. After an OSError it points as before."""
    before = os.readlink(link) if link.is_symlink() else None
    _replace_link(link, target)
    try:
        fsync_directory(link.parent)
    except OSError:
        with suppress(OSError):
            if before is None:
                link.unlink()
            else:
                _replace_link(link, before)
        raise


def _replace_link(link: Path, target: str) -> None:
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    try:
        os.replace(fresh, link)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise


def remove_tree(path: Path, *, sure: bool = False) -> None:
    """Remove a directory and everything below it. No error if it is gone.

    Errors of the disk are ignored, unless ``sure``: then OSError, and the rest stays.
    """
    if not sure:
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(FileNotFoundError):
        shutil.rmtree(path)
