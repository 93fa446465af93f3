# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a stack on the host: its files, directories and environment. What VSA keeps is in store/stacks.py.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import secrets
import stat
import string
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..._core.errors import RefusedError
from ..._core.forms import stack_name
from ..._core.hints import Hint
from ..._core.stack.env import (
    ENV,
    ENV_EXAMPLE,
    complete_env,
    hashed_variables,
    missing_secrets,
    parse_env,
    stack_variables,
)
from ..._core.stack.files import File, content_of, mode_of, sha256_of, text_of
from ..._core.stack.manifest import Directory as StackDirectory
from ..._core.stack.manifest import Stack, parse_stack
from ..._core.stack.secrets import BASE64URL, HEX, Secret
from ..machine.files import load_yaml
from ..machine.walk import Directory, walk
from ..store.layout import Paths
from ..store.stacks import StackState, Version, known_stacks

if TYPE_CHECKING:
    from ..._core.stack.source import Source

__all__ = ("MANIFEST", "Folder", "find_stack", "make_secrets", "stack_names")

MANIFEST = "stack.yml"

_LETTERS = string.ascii_letters + string.digits
_ENV_MODE = 0o640
# The bits that a directory needs so that every user can read what is in it.
_OPEN = 0o755


def stack_names(paths: Paths) -> list[str]:
    """Return the names of the stacks of this host, sorted."""
    return sorted({name for _tenant, name in known_stacks(paths)})


def find_stack(paths: Paths, name: str, *, tenant: str | None = None) -> tuple[Folder, Stack]:
    """Return a stack of this host with its folder. The tenant is needed if several tenants have one of this name.

    RefusedError if there is none of that name, or if it is not clear whose is meant.
    """
    name = stack_name(name)
    owner = _owner(paths, name, tenant)
    state = StackState(paths, owner, name) if owner else None
    text = state.manifest() if state else None
    if owner is None or state is None or text is None:
        raise RefusedError(
            "this host has no such stack",
            field="stack",
            value=name if tenant is None else f"{tenant}/{name}",
            there_are=stack_names(paths),
            hint=Hint("stack.up", {"name": name}),
        )
    stack = parse_stack(load_yaml(text, where=MANIFEST), name=name, where=f"{MANIFEST}/")
    # Whose the stack is was said when it was brought up, and may not be what its stack.yml says.
    stack = dataclasses.replace(stack, tenant=owner, project=state.project())
    return Folder(paths, stack), stack


def _owner(paths: Paths, name: str, tenant: str | None) -> str | None:
    """Return the tenant of the stack that is meant, None if there is no such stack."""
    found = [owner for owner, known in known_stacks(paths) if known == name and tenant in (None, owner)]
    # What VSA keeps about a stack may outlive its folder.
    there = [owner for owner in found if Path(paths.root, "srv", owner, name).is_dir()] or found
    if len(there) > 1:
        raise RefusedError(
            f"several tenants have a stack {name}",
            field="tenant",
            value="(not given)",
            expected="the tenant whose stack is meant",
            there_are=there,
            hint=Hint("stack.ps", {"name": name, "tenant": there[0]}, note="to name the tenant"),
        )
    return there[0] if there else None


def make_secrets(wanted: tuple[Secret, ...]) -> dict[str, str]:
    """Return a random value for each secret in its format. Its letters need no quotes in a shell or a file."""
    return {secret.name: f"{secret.prefix}{_random_text(secret)}" for secret in wanted}


def _random_text(secret: Secret) -> str:
    if secret.format == HEX:
        return secrets.token_hex(secret.length)
    if secret.format == BASE64URL:
        return secrets.token_urlsafe(secret.length)
    return "".join(secrets.choice(_LETTERS) for _position in range(secret.length))


def _new_hashes(stack: Stack, variables: Mapping[str, str]) -> dict[str, str]:
    """Return a new value for each hash among the secrets that does not fit its variable."""
    wanted = hashed_variables(stack, variables)
    if not wanted:
        return {}
    from ..machine.bcrypt import fits, hash_password  # a verb that reads, and most stacks, need no hash

    return {
        name: hash_password(text, field=f"env/{name}")
        for name, text in wanted.items()
        if not fits(text, variables.get(name, ""))
    }


class Folder:
    """The folder of one stack, and what VSA keeps about it. Every method reads the disk again.

    Containers and the tenant can write into the folder. So every use of it goes through walk(): a link in the place of
    a directory is refused, and a link in the place of a file is replaced.
    """

    def __init__(self, paths: Paths, stack: Stack) -> None:
        self._stack = stack
        self.path = Path(paths.root, stack.folder)
        self.state = StackState(paths, stack.tenant, stack.name)

    @contextmanager
    def _opened(self, *, make: bool = False) -> Iterator[Directory | None]:
        """Open the folder; gives None if there is none and ``make`` is false."""
        with ExitStack() as opened:
            found = None
            with suppress(FileNotFoundError):
                # The tenant's folder keeps its owner and mode: bootstrap or another stack may have set them.
                tenant = opened.enter_context(walk(self.path.parent, make=0o755 if make else None))
                found = opened.enter_context(tenant.inside(self.path.name, make=0o755 if make else None))
            yield found

    # Read

    def env(self) -> str | None:
        """Return the text of the environment file, None if there is none yet. RefusedError if it is a link."""
        with self._opened() as folder:
            content = folder.read(ENV) if folder else None
        if content is None:
            return None
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise RefusedError(f"{self.path / ENV} is not UTF-8", field=ENV, expected="VARIABLE=value") from error

    def record(self) -> dict[str, Any]:
        """Return what ``write`` noted last; empty if the file is missing or damaged."""
        return self.state.record()

    def version(self) -> Version:
        """Return the version that VSA wrote last, whatever became of the folder since."""
        found = self.state.version()
        if found is not None:
            return found
        known = self.record().get("files")
        texts = {name: self._text(name) for name in known} if isinstance(known, dict) else {}
        return Version({name: text for name, text in texts.items() if text is not None}, self.env() or "")

    def _text(self, name: str) -> str | None:
        """Return the text of a file in the folder, for display; None if there is no plain file."""
        with self._opened() as folder:
            content = _content(folder, name)
        return None if content is None else content.decode(errors="replace")

    def content(self, name: str) -> bytes | None:
        """Return the content of a file in the folder; None if there is no plain file, or a link on the way."""
        with self._opened() as folder:
            try:
                return _content(folder, name)
            except (FileNotFoundError, NotADirectoryError):
                return None

    def wanted_env(
        self, files: Mapping[str, File], values: Mapping[str, str], *, rotate: Collection[str] = ()
    ) -> tuple[str, list[str]]:
        """Return the environment file with missing secrets made and ``values`` set, and the names of new secrets.

        The secrets ``rotate`` are made anew. RefusedError if stack.yml does not say of one that it is rotatable.
        """
        current = self.env()
        made = make_secrets((*missing_secrets(self._stack, current), *self._rotated(rotate)))
        env = complete_env(current, text_of(files.get(ENV_EXAMPLE)), {**made, **values})
        hashes = _new_hashes(self._stack, parse_env(stack_variables(files, env)))
        return complete_env(env, "", hashes), sorted({*made, *hashes})

    def _rotated(self, names: Collection[str]) -> list[Secret]:
        known = {secret.name: secret for secret in self._stack.secrets if secret.rotatable}
        for name in names:
            if name not in known:
                raise RefusedError(
                    f"{name} is no secret of the stack that can be rotated",
                    field="rotate",
                    value=name,
                    expected="a secret that stack.yml calls rotatable",
                    there_are=sorted(known),
                )
        return [known[name] for name in names]

    def fingerprint(self, files: Mapping[str, File], env: str) -> str:
        """Return a hash over all that decides what the containers run."""
        text = json.dumps([[[name, _identity(files[name])] for name in sorted(files)], env])
        return hashlib.sha256(text.encode()).hexdigest()

    # What Compose runs: copies that no container can write

    def compose_files(self) -> list[str]:
        """Return the Compose files to run. Empty for a stack of an earlier release: Compose finds its files itself."""
        return self.state.compose_files()

    def env_file(self) -> str:
        """Return the environment file for Compose."""
        return self.state.env_file() if self.compose_files() else ENV

    def has_other(self, name: str, files: Mapping[str, File]) -> bool:
        """Say whether something of this name lies in the folder, although it is no file of the stack."""
        with self._opened() as folder:
            return name not in files and folder is not None and folder.state(name) is not None

    # Compare

    def stale(self, files: Mapping[str, File]) -> list[str]:
        """Return the files of an earlier version that the stack no longer has."""
        before = self.record().get("files")
        known = before if isinstance(before, dict) else {}
        return sorted(set(known) - set(files))

    def differing(self, files: Mapping[str, File]) -> list[str]:
        """Return the names of the files that differ on the host, or that are missing."""
        with self._opened() as folder:
            return sorted(name for name, file in files.items() if not self._is_same(folder, name, file))

    def directories(self) -> list[str]:
        """Return the directories that are missing, or have another owner, group or mode. RefusedError at a link."""
        with self._opened() as folder:
            return [entry.path for entry in self._stack.directories if not _is_right(folder, entry)]

    def is_kept(self, version: Version) -> bool:
        """Say whether this version is the one that VSA keeps, and nothing is left of an earlier release's place."""
        return self.state.version() == version and not self.state.is_old()

    def diff(self, files: Mapping[str, File]) -> str:
        """Return the unified diff of the files. The environment file is left out because it has secrets."""
        wanted: dict[str, File | None] = {**dict.fromkeys(self.stale(files)), **files}
        return "".join(self._file_diff(name, wanted[name]) for name in sorted(wanted))

    def _file_diff(self, name: str, wanted: File | None) -> str:
        import difflib  # imported here: a verb that reads needs no diff

        place = f"{self._stack.folder}/{name}"
        before = self._text(name)
        after = None if wanted is None else text_of(wanted)
        if "\0" in f"{before}{after}":
            return "" if before == after else f"the file {place} differs, and is no text\n"
        lines = difflib.unified_diff(
            (before or "").splitlines(keepends=True),
            (after or "").splitlines(keepends=True),
            "/dev/null" if before is None else place,
            "/dev/null" if after is None else place,
        )
        return "".join(lines)

    # Write

    def write(self, version: Version, *, source: Source | None = None) -> None:
        """Write a version of the stack: what VSA keeps, then directories, files and environment in the folder.

        ``source`` is where it comes from, None if that is as before.

        The record of another version has no ``verified``: if this run is killed, the next one starts the containers.
        """
        files, env = version.files, version.env
        stale = self.stale(files)
        verified = self.verified()
        source = source or self.source()
        self.state.write(
            version,
            {
                "schema": 1,
                "name": self._stack.name,
                "tenant": self._stack.tenant,
                "project": self._stack.project,
                "description": self._stack.description,
                # Files of before are named until they are removed.
                "files": {**dict.fromkeys(stale, ""), **{name: sha256_of(file) for name, file in files.items()}},
                # The same version again needs no other start.
                "verified": verified if verified == self.fingerprint(files, env) else None,
                **({"closed": self.closed()} if self.closed() else {}),
                **({"source": source.as_dict()} if source else {}),
            },
        )
        with self._opened(make=True) as folder:
            if folder is not None:
                self._write_folder(folder, files, env, stale)
        self._note(files={name: sha256_of(file) for name, file in files.items()})

    def _write_folder(self, folder: Directory, files: Mapping[str, File], env: str, stale: list[str]) -> None:
        with folder.inside("env", make=0o750):
            pass
        for entry in self._stack.directories:
            if not _is_right(folder, entry):
                found = folder.state(entry.path)
                group = entry.group_for(found.st_gid if found else None)
                folder.own(entry.path, owner=entry.owner, group=group, mode=entry.mode)
        for name in stale:
            folder.unlink(name)
        for name, file in files.items():
            self._put(folder, name, file)
        if self.env() != env:
            folder.write(ENV, env.encode(), mode=_ENV_MODE)

    def _is_same(self, folder: Directory | None, name: str, file: File) -> bool:
        if folder is None or _content(folder, name) != content_of(file) or self._closed(folder, name):
            return False
        found = folder.state(name)
        return found is not None and found.st_mode & 0o777 == mode_of(file)

    def _put(self, folder: Directory, name: str, file: File) -> None:
        """Write a file if its content differs. If only modes differ, set them: containers may have mounted the file."""
        if _content(folder, name) != content_of(file):
            folder.write(name, content_of(file), mode=mode_of(file))
        for path, state in self._closed(folder, name).items():
            folder.give(path, owner=state.st_uid, group=state.st_gid, mode=stat.S_IMODE(state.st_mode) | _OPEN)
        found = folder.state(name)
        if found is not None and found.st_mode & 0o777 != mode_of(file):
            folder.give(name, owner=found.st_uid, group=found.st_gid, mode=mode_of(file))

    def _closed(self, folder: Directory, name: str) -> dict[str, os.stat_result]:
        """Return the directories above a file that a container's user cannot enter.

        Under a strict umask an earlier release made them so, and so does a copy by hand. The stack's own folder, and
        what its manifest gives a mode, are as somebody wants them.
        """
        declared = {"env", *(entry.path for entry in self._stack.directories)}
        above = [str(path) for path in PurePosixPath(name).parents if path.parts]
        states = {path: folder.state(path) for path in above if path not in declared}
        return {path: state for path, state in states.items() if state and state.st_mode & _OPEN != _OPEN}

    def _note(self, **values: object) -> None:
        self.state.write_record({**self.record(), **values})

    # Whether it should run

    def should_run(self) -> bool:
        """Say whether the stack is up as far as VSA knows: nobody took it down since it was healthy."""
        return not self.record().get("down")

    def note_down(self, down: bool) -> None:
        """Note that the stack was taken down, or is brought up again. After a boot only the latter is started."""
        if self.state.is_here() and self.should_run() is down:
            self._note(down=down)

    def source(self) -> Source | None:
        """Return where the stack comes from; None if an earlier release wrote it."""
        from ..._core.stack.source import kept_source  # imported here: most readers of a folder do not ask

        return kept_source(self.record().get("source"))

    def note_source(self, source: Source) -> None:
        """Note where the stack comes from."""
        if self.state.is_here() and self.source() != source:
            self._note(source=source.as_dict())

    def closed(self) -> list[str]:
        """Return the sites that ``stack down`` closed for maintenance, and that the next ``stack up`` opens."""
        return list(self.record().get("closed") or ())

    def note_closed(self, domains: Collection[str]) -> None:
        """Note the sites that ``stack down`` closes, before it closes the first one; none if all are open again."""
        if self.state.is_here() and self.closed() != sorted(domains):
            self._note(closed=sorted(domains))

    # The last good version

    def verified(self) -> str | None:
        """Return the fingerprint of the version whose containers were healthy last, None if there is none."""
        found = self.record().get("verified")
        return found if isinstance(found, str) else None

    def remember_good(self) -> None:
        """Keep the version that was written last as the one that a failed start goes back to."""
        self.state.keep_good()
        version = self.version()
        self._note(verified=self.fingerprint(version.files, version.env))

    def good(self) -> Version | None:
        """Return the last good version, None if there is none."""
        return self.state.good()

    def keep_refused(self, version: Version) -> Path:
        """Keep a version that did not start, for the operator to look at. Returns the copy of the environment file."""
        return self.state.keep_refused(version)


def _is_right(folder: Directory | None, entry: StackDirectory) -> bool:
    found = folder.state(entry.path) if folder else None
    if folder is None or found is None:
        return False
    with folder.inside(entry.path):  # RefusedError if it is a link
        pass
    wanted = (entry.owner, entry.group_for(found.st_gid), entry.mode)
    return (found.st_uid, found.st_gid, found.st_mode & 0o7777) == wanted


def _identity(file: File) -> object:
    return file if isinstance(file, str) else [sha256_of(file), file.executable]


def _content(folder: Directory | None, name: str) -> bytes | None:
    """Return the content of a file in the folder; None if there is no plain file."""
    try:
        return folder.read(name) if folder else None
    except RefusedError:
        return None
