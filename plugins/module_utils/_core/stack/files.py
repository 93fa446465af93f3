# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a stack's folder, and the archive in which they travel from the controller to a host.

Bytes and mappings in, values out; files are read and written elsewhere.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

from ..errors import RefusedError

__all__ = (
    "MOST_BYTES",
    "MOST_BYTES_OF_FILE",
    "File",
    "StackFile",
    "as_file",
    "content_of",
    "file_path",
    "is_executable",
    "mode_of",
    "pack",
    "sha256_of",
    "text_of",
    "unpack",
)

MOST_BYTES_OF_FILE = 16 << 20
MOST_BYTES = 64 << 20
_MOST_PARTS = 32


@dataclass(frozen=True)
class StackFile:
    """A file that is no plain text: its bytes, and whether it is executable."""

    content: bytes
    executable: bool = False


File = Union[str, StackFile]
"""A file of a stack. A text stands for a file with this text in UTF-8 that is not executable."""


def as_file(content: bytes, *, executable: bool) -> File:
    """Return the file with this content: its text if it is plain text."""
    if executable:
        return StackFile(content, executable=True)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return StackFile(content)


def content_of(file: File) -> bytes:
    """Return the bytes of a file."""
    return file.encode() if isinstance(file, str) else file.content


def is_executable(file: File) -> bool:
    """Say whether a file is a program."""
    return not isinstance(file, str) and file.executable


def mode_of(file: File) -> int:
    """Return the mode with which a file is written."""
    return 0o755 if is_executable(file) else 0o644


def text_of(file: File | None) -> str:
    """Return the text of a file for a reader that looks for words. Bytes that are no UTF-8 are replaced."""
    if file is None or isinstance(file, str):
        return file or ""
    return file.content.decode(errors="replace")


def sha256_of(file: File) -> str:
    """Return the hash of a file's content."""
    return hashlib.sha256(content_of(file)).hexdigest()


def file_path(value: str) -> str:
    """Return the relative path of a file of a stack. RefusedError if the path leaves the folder."""
    parts = value.split("/")
    plain = len(parts) <= _MOST_PARTS and all(
        part not in ("", ".", "..") and len(part.encode()) <= 255 and part.isprintable() for part in parts
    )
    if not plain:
        raise RefusedError(
            "this is not the path of a file of a stack",
            field="files",
            value=value,
            expected="a path below the stack's folder, in printable letters",
        )
    return value


def pack(files: Mapping[str, File]) -> bytes:
    """Return the archive of a stack's files. The same files give the same archive, whoever owns them."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            content = content_of(files[name])
            entry.size, entry.mode = len(content), mode_of(files[name])
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def unpack(archive: bytes) -> dict[str, File]:
    """Return the files of an archive by path. RefusedError if it has anything but files, or too much."""
    found: dict[str, File] = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as packed:
            for entry in packed:
                total += entry.size
                stream = packed.extractfile(entry) if entry.isreg() else None
                if stream is None or entry.size > MOST_BYTES_OF_FILE or total > MOST_BYTES:
                    raise RefusedError(
                        "the archive of the stack has something that is no file, or too much",
                        field="archive",
                        value=entry.name,
                        expected=f"files, {MOST_BYTES >> 20} MiB in all",
                    )
                found[file_path(entry.name)] = as_file(stream.read(), executable=bool(entry.mode & 0o100))
    except tarfile.TarError as error:
        raise RefusedError(f"the archive of the stack is damaged: {error}", field="archive") from error
    return found
