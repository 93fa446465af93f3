"""Write the files of an inventory: each one whole or not at all, several of them together, and one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from vsa.core import RefusedError

__all__ = ("alone_in", "read", "write_all")

_MODE = 0o644


def read(path: Path) -> str:
    """Return the text of a file as it is, with its ends of lines; an empty text if there is no file.

    Raises :class:`RefusedError` if the file cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise RefusedError("the file is not UTF-8", field="file", value=str(path)) from error
    except OSError as error:
        raise RefusedError(f"the file cannot be read: {error.strerror}", field="file", value=str(path)) from error


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other commands from changing the files of a folder. The lock is on the folder itself and leaves no file."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise RefusedError(f"the folder cannot be read: {error.strerror}", field="folder", value=str(folder)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_all(texts: Mapping[Path, str]) -> None:
    """Write files: all drafts are on the disk before the first file is replaced. The modes of the files stay.

    The caller is alone in the folder. If a file cannot be replaced, the files that were replaced before get their old
    text again. Raises :class:`RefusedError`.
    """
    drafts: dict[Path, Path] = {}
    before: dict[Path, bytes | None] = {}
    try:
        for path, text in texts.items():
            real = path.resolve()
            before[real] = real.read_bytes() if real.exists() else None
            drafts[real] = _draft(real, text.encode("utf-8"))
        done: list[Path] = []
        try:
            for real, draft in drafts.items():
                draft.replace(real)
                done.append(real)
        except OSError:
            for real in done:
                _put_back(real, before[real])
            raise
        for folder in {real.parent for real in drafts}:
            _sync(folder)
    except OSError as error:
        words = f"the file cannot be written: {error.strerror}"
        raise RefusedError(words, field="file", value=str(error.filename)) from error
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _draft(path: Path, data: bytes) -> Path:
    """Write a text beside a file, hidden, so that Ansible does not read it, and return its path."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    # A command that was killed has left its draft.
    for left in path.parent.glob(f".{path.name}.*.new"):
        left.unlink(missing_ok=True)
    mode = path.stat().st_mode & 0o7777 if path.exists() else _MODE
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fchmod(opened.fileno(), mode)
            os.fsync(opened.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _put_back(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink(missing_ok=True)
    else:
        _draft(path, data).replace(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
