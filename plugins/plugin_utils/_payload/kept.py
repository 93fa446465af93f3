# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the payloads of modules that Ansible builds, so that a controller builds each once and not in every run.

To send a module, Ansible parses the module and every file that the module imports, and packs all of them into a
payload. For a module of this collection that takes longer than the module itself. Ansible keeps a payload for the other
tasks of the same run, as a file in the directory of the run. This file puts payloads of earlier runs there before the
first task, and copies new ones at the end of the run. Ansible writes and reads the payloads; nothing here looks into
them. See docs/adr/0016-payloads-are-kept-on-the-controller.md.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

__all__ = ("Payloads", "identity", "keep_payloads")

_OURS = "ansible_collections.flowbiz.vsa.plugins.modules."
# Ends the name of a payload without Ansible's debugger and coverage. With them a payload names paths of the controller.
_PLAIN = "-none"
_HASH_BYTES = 32
# Modules of other nouns that the role of a noun runs too: a stack brings its sites, and the reverse proxy its vhosts.
_OTHER_MODULES = {"stack": ("site", "vhost")}
# So many versions of the code have their payloads kept: a clone and an installation, before and after an edit.
_MOST_VERSIONS = 4


class Payloads:
    """The kept payloads of one version of the code, in a directory that this user alone can enter.

    Whatever is wrong with the directory or a file, Ansible builds the payload, as it does without this class.
    """

    def __init__(self, folder: Path, version: str) -> None:
        self._folder = folder
        self._version = version

    def restore(self, run: Path, *, noun: str) -> None:
        """Put the kept payloads of the modules that a noun's role runs into ``run``, where Ansible looks for them."""
        with contextlib.suppress(OSError), _own_directory(self._folder / self._version) as handle:
            names = [name for name in os.listdir(handle) if _is_payload(name, noun=noun)]  # noqa: PTH208  of a descriptor
            if names:
                run.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in names:
                content = _read(name, handle)
                if content is not None:
                    _write(run / name, content)

    def keep(self, run: Path) -> None:
        """Copy the payloads that Ansible built in ``run``, those that are not kept yet."""
        try:
            names = [path.name for path in run.iterdir() if _is_payload(path.name)]
        except OSError:
            return
        if not names:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _own_directory(self._folder):
                (self._folder / self._version).mkdir(mode=0o700, exist_ok=True)
                with _own_directory(self._folder / self._version) as handle:
                    kept = set(os.listdir(handle))  # noqa: PTH208  of a descriptor
                new = [name for name in names if name not in kept]
                for name in new:
                    content = (run / name).read_bytes()
                    _write(self._folder / self._version / name, _digest(name, content) + content)
                if new:
                    self._limit()

    def _limit(self) -> None:
        """Remove the payloads of old versions of the code."""
        others = [path for path in self._folder.iterdir() if path.name != self._version]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in others[_MOST_VERSIONS - 1 :]:
            shutil.rmtree(path, ignore_errors=True)


# The nouns whose payloads this process has restored.
_restored: set[str] = set()


def keep_payloads(environ: Mapping[str, str], *, noun: str) -> None:
    """Put the kept payloads of a noun's modules where Ansible looks for them, and keep new ones when Ansible exits.

    For the main process of Ansible, before the first task. A second call for the same noun does nothing.
    """
    from ansible import constants

    if noun in _restored:
        return
    version = identity(_sources())
    if version is None:
        return
    run = Path(constants.DEFAULT_LOCAL_TMP) / "ansiballz_cache"
    payloads = Payloads(_home(environ), version)
    payloads.restore(run, noun=noun)
    first = not _restored
    _restored.add(noun)
    if not first:
        return
    process = os.getpid()

    def keep() -> None:
        if os.getpid() == process:
            payloads.keep(run)

    # Ansible registers the removal of its directory earlier, so this runs before the removal.
    atexit.register(keep)


def identity(sources: Iterable[Path] | None) -> str | None:
    """Return what identifies the code that payloads are built of: versions, and the attributes of every source file.

    None if there are ``sources`` of others, or if a file cannot be looked at: then nothing is kept.
    """
    if sources is None:
        return None
    from ansible.release import __version__ as ansible_version

    found = hashlib.sha256(f"{ansible_version}|{sys.version}".encode())
    try:
        for source in sources:
            for line in _attributes(source):
                found.update(line.encode("utf-8", "surrogateescape"))
    except OSError:
        return None
    return found.hexdigest()


def _sources() -> list[Path] | None:
    """Return the files and directories that a payload of ours is built of; None if an operator's own are among them."""
    import ansible
    from ansible.plugins.loader import module_utils_loader

    core = Path(ansible.__file__).parent
    own = (core / "module_utils").resolve()
    paths = [Path(path) for path in module_utils_loader._get_paths(subdirs=False)]
    if any(path.is_dir() and path.resolve() != own for path in paths):
        return None
    home = Path(__file__).absolute().parents[3]
    ours = [home / "plugins/modules", home / "plugins/module_utils", home / "meta/runtime.yml"]
    return [*ours, core / "module_utils", core / "executor/module_common.py", core / "_internal/_ansiballz"]


def _attributes(path: Path) -> Iterator[str]:
    """Yield a line for each Python file below a directory, or for a file. An edit changes the line."""
    if not path.is_dir():
        yield _line(str(path), path.stat())
        return
    with os.scandir(path) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.endswith(".py"):
            yield _line(entry.path, entry.stat())
        elif entry.name != "__pycache__" and entry.is_dir():
            yield from _attributes(Path(entry.path))


def _line(path: str, found: os.stat_result) -> str:
    return f"{path}|{found.st_ino}|{found.st_size}|{found.st_mtime_ns}|{found.st_ctime_ns}\n"


def _home(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_CACHE_HOME", "")
    home = Path(base) if base.startswith("/") else Path(environ.get("HOME") or "~").expanduser() / ".cache"
    return home / "vsa" / "payloads"


def _is_payload(name: str, *, noun: str = "") -> bool:
    if not (name.startswith(_OURS) and name.endswith(_PLAIN)):
        return False
    module = name.removeprefix(_OURS).partition("-")[0]
    return noun in ("", module) or module.startswith(f"{noun}_") or module in _OTHER_MODULES.get(noun, ())


@contextlib.contextmanager
def _own_directory(path: Path) -> Iterator[int]:
    """Open a directory. PermissionError unless it is this user's, and nobody else can enter it."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise PermissionError(f"{path} is open to others")
        yield handle
    finally:
        os.close(handle)


def _digest(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + content).digest()


def _read(name: str, folder: int) -> bytes | None:
    """Return a kept payload; None if it is not whole, as after a power cut."""
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(handle, "rb") as stream:
        content = stream.read()
    check, payload = content[:_HASH_BYTES], content[_HASH_BYTES:]
    return payload if check == _digest(name, payload) else None


def _write(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 by rename, so that nobody reads a part of it."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    draft.rename(path)
