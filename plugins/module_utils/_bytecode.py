# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the bytecode of what a module imports, so that a host compiles a file once and not twice in each run.

Ansible sends a module as a zip file, and Python's zipimport keeps no bytecode: it compiles each file once for the name
of the file and once more to run it. Importing this file changes that for everything that is imported after it, if the
file itself came out of a zip file; elsewhere Python keeps bytecode by itself. So a module imports this file first.

The bytecode lies in a directory that root alone can enter, under a hash over its source and over the version of Python.
Whatever is wrong with directory or file, the source is compiled. See docs/adr/0014-bytecode-on-the-host.md.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import marshal
import os
import secrets
import sys
import types
import zipimport
from collections.abc import Callable
from contextlib import suppress

__all__ = ("FOLDER", "Importer", "Kept", "install")

FOLDER = "/var/cache/vsa"
"""The directory of the bytecode. Everything in it may be removed at any time."""

# What decides, beside the source, which bytecode Python makes.
_PYTHON = f"{sys.version}|{importlib.util.MAGIC_NUMBER.hex()}|{sys.flags.optimize}|{sys.flags.debug}"
_HASH_BYTES = 32
# As many files as some releases of VSA have. Beyond that all of them are removed, and those in use are made again.
_MOST_FILES = 2000
# Python looks for garbage after so many new objects.
_NEW_OBJECTS = 20_000


class Kept:
    """A directory of bytecode, made if it is missing. Without one that root alone can enter, nothing is kept."""

    def __init__(self, folder: str = FOLDER, *, owner: int = 0) -> None:
        self._handle: int | None = None
        self._checked = False
        if os.geteuid() != owner:
            return
        with suppress(OSError):
            with suppress(FileExistsError):
                os.mkdir(folder, 0o700)  # noqa: PTH102  pathlib would cost each run more time than it is worth
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            found = os.fstat(handle)
            if found.st_uid == owner and not found.st_mode & 0o077:
                self._handle = handle
            else:
                os.close(handle)

    def code(self, name: str, source: bytes, make: Callable[[], types.CodeType] | None = None) -> types.CodeType:
        """Return the code of a source: the kept code, or else compiled and kept from now on. ``name`` is its file.

        ``make`` compiles a source that is not Python.
        """
        key = hashlib.sha256(b"\0".join((_PYTHON.encode(), name.encode(), source))).digest()
        code = self._read(key)
        if code is None:
            code = make() if make else compile(source, name, "exec", dont_inherit=True)
            self._write(key, marshal.dumps(code))
        return code

    def _read(self, key: bytes) -> types.CodeType | None:
        """Return the code under a key; None if there is none, or if it is not whole, as after a power cut."""
        if self._handle is None:
            return None
        content = b""
        with suppress(OSError):
            handle = os.open(key.hex(), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._handle)
            with os.fdopen(handle, "rb") as stream:
                content = stream.read()
        check, code = content[:_HASH_BYTES], content[_HASH_BYTES:]
        if check != hashlib.sha256(key + code).digest():
            return None
        found = marshal.loads(code)  # noqa: S302  root alone wrote it
        return found if isinstance(found, types.CodeType) else None

    def _write(self, key: bytes, code: bytes) -> None:
        """Keep code under a key, by rename. An error is no matter: the source is compiled again in the next run."""
        if self._handle is None:
            return
        draft = f"{key.hex()}.{secrets.token_hex(4)}"
        with suppress(OSError):
            self._limit()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with os.fdopen(os.open(draft, flags, 0o600, dir_fd=self._handle), "wb") as stream:
                    stream.write(hashlib.sha256(key + code).digest() + code)
                os.rename(draft, key.hex(), src_dir_fd=self._handle, dst_dir_fd=self._handle)
            except OSError:
                os.unlink(draft, dir_fd=self._handle)
                raise

    def _limit(self) -> None:
        """Remove all files if there are too many, once in a run."""
        if self._checked or self._handle is None:
            return
        self._checked = True
        names = os.listdir(self._handle)  # noqa: PTH208  of a descriptor
        for name in names if len(names) > _MOST_FILES else ():
            os.unlink(name, dir_fd=self._handle)


class Importer(zipimport.zipimporter):
    """A zipimporter that asks ``kept`` for the code of a file instead of compiling the file twice."""

    kept: Kept

    def get_filename(self, fullname: str) -> str:
        """Return the path of a file as Python names it: the path of the zip file, then the path in it."""
        return f"{self.archive}/{self._place(fullname)}"

    def get_code(self, fullname: str) -> types.CodeType:
        """Return the code of a file. Tracebacks show its path in the zip file, which is the same in each run."""
        place = self._place(fullname)
        return self.kept.code(place, self.get_data(place))

    def _place(self, fullname: str) -> str:
        path = self.prefix + fullname.rpartition(".")[2]
        return f"{path}/__init__.py" if self.is_package(fullname) else f"{path}.py"


def install(kept: Callable[[], Kept] = Kept) -> None:
    """Let Python import from zip files by ``Importer`` from now on, and look for garbage seldom."""
    # A module lives for seconds, and then all of its memory goes. To look for cycles after every 700 new objects, as
    # Python does, takes a twentieth of the time of a module.
    gc.set_threshold(_NEW_OBJECTS, 50, 100)
    importer = type("Importer", (Importer,), {"kept": kept()})
    sys.path_hooks.insert(0, importer)
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimport.zipimporter):
            del sys.path_importer_cache[path]


if isinstance(globals().get("__loader__"), zipimport.zipimporter):
    install()
