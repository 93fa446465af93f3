# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VSA keeps about the stacks of a host: /var/lib/vsa/stacks/<tenant>/<name>/, which no container can write.

* stack.json: what was written last, and which version was healthy.
* stack.yml, compose.yml, .env …: the version that VSA judges and that Compose runs.
* version.json, good.json, refused.json: all files of that version, of the last good one, and of one that failed.
  files/<sha256>: the content of those that are no plain text.

Earlier releases kept some of them in the stack's own folder, in ``.vsa``: the first ``stack up`` moves them. The root
of a container that mounts the folder can write the same files. So none of them runs without a judgement, and none is
read once VSA keeps something about the stack.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..._core.errors import RefusedError
from ..._core.shape import ListOf, MapOf, Maybe, Object, misfit
from ..._core.stack.env import stack_variables, with_identity
from ..._core.stack.files import File, StackFile, content_of, is_executable, sha256_of, text_of
from ..._core.stack.identity import compose_project
from ..machine.files import make_directory, read_bytes, read_text, write_atomically, write_new
from ..machine.walk import walk
from .documents import read_document
from .layout import Paths

__all__ = ("OVERRIDES", "StackState", "Version", "known_stacks")

_RECORD = "stack.json"
_MANIFEST = "stack.yml"
_COMPOSE = "compose.yml"
# Compose itself looks for these beside compose.yml. The first one that a stack has is run with it.
OVERRIDES = ("compose.override.yml", "compose.override.yaml", "docker-compose.override.yml")
_ENV = ".env"
_MODE = 0o600
# Where earlier releases kept them, in the stack's folder.
_OLD = ".vsa"
_RECORD_SHAPE = Object(
    {"schema": int},
    {
        "files": MapOf(str),
        "verified": Maybe(str),
        "down": bool,
        "project": str,
        "closed": ListOf(str),
        "source": MapOf(str),
    },
)
_OTHER_SHAPE = Object({"sha256": str, "executable": bool}, {})
_VERSION_SHAPE = Object(
    {"schema": int, "files": MapOf(str), "env": str},
    {"judged": str, "said": str, "runs_said": bool, "others": MapOf(_OTHER_SHAPE)},
)
_CONTENTS = "files"
_VERSIONS = ("version.json", "good.json", "refused.json")
_MOVED = ("good.json", "refused.json", "refused.env")
# What earlier releases noted in the record. Another field there is somebody else's.
_OLD_FIELDS = ("schema", "files", "verified", "project")


@dataclass(frozen=True)
class Version:
    """A version of a stack: its files by path, and the text of its environment file.

    ``judged_config`` is what ``docker compose config`` printed and the policy judged; Compose runs this text. It is
    empty for a stack of the collection itself, which nobody judges. ``own_config`` is what was printed for that one.
    ``runs_own_config``: Compose runs that text, and not the stack's own compose.yml with what lies beside it.
    """

    files: Mapping[str, File]
    env: str
    judged_config: str = ""
    own_config: str = ""
    runs_own_config: bool = False

    @property
    def config(self) -> str:
        """Return what ``docker compose config`` printed for the version; empty if an earlier release kept it."""
        return self.judged_config or self.own_config

    def text(self, name: str) -> str:
        """Return the text of a file; empty if the version has no such file."""
        return text_of(self.files.get(name))

    def to_run(self) -> dict[str, str]:
        """Return what Compose runs, and the manifest, by name. Compose reads no other file: not even by include."""
        config = self.own_config if self.runs_own_config else self.judged_config
        names = (_MANIFEST,) if config else (_MANIFEST, _COMPOSE, *OVERRIDES)
        run = {name: self.text(name) for name in names if name in self.files}
        if config:
            run[_COMPOSE] = config
        return {**run, _ENV: stack_variables(self.files, self.env)}


def known_stacks(paths: Paths) -> list[tuple[str, str]]:
    """Return (tenant, name) of each stack of this host, sorted, also of those that an earlier release wrote."""
    # The record of a stack may be damaged, and was moved aside then.
    files = [path for name in (_RECORD, _MANIFEST) for path in paths.stacks.glob(f"*/*/{name}")]
    found = {(path.parents[1].name, path.parent.name) for path in files}
    srv = Path(paths.root, "srv")
    candidates = {(path.parent.name, path.name) for path in srv.glob("*/*")} - found
    return sorted(found | {pair for pair in candidates if StackState(paths, *pair).is_old()})


class StackState:
    """What VSA keeps about one stack. Every method reads the disk again."""

    def __init__(self, paths: Paths, tenant: str, name: str) -> None:
        self.path = paths.stack_state(tenant, name)
        self._tenant = Path(paths.root, "srv", tenant)
        self._name = name
        self._contents = self.path / _CONTENTS

    # The version under way

    def write(self, version: Version, record: Mapping[str, Any]) -> None:
        """Keep a version, before anything of it is written into the stack's folder or started."""
        self._make()
        self._take_over()
        run = version.to_run()
        # A Compose file that runs as it is names its edge network by these variables.
        run[_ENV] = with_identity(run[_ENV], tenant=self._tenant.name, name=self._name)
        for name in OVERRIDES:
            if name not in run:
                (self.path / name).unlink(missing_ok=True)
        for name, text in run.items():
            write_atomically(self.path / name, text, mode=_MODE)
        self._keep("version.json", version)
        self.write_record(record)
        self._forget_old()
        self._forget_contents()

    def _make(self) -> None:
        # Also the parents: only root may know which stacks a host has.
        for path in (self.path.parents[1], self.path.parent, self.path):
            make_directory(path, mode=0o700)
            path.chmod(0o700)  # one of before may have been open to others

    def _keep(self, name: str, version: Version) -> None:
        texts = {path: file for path, file in version.files.items() if isinstance(file, str)}
        others = {path: file for path, file in version.files.items() if not isinstance(file, str)}
        for file in others.values():
            self._keep_content(file)
        named = {path: {"sha256": sha256_of(file), "executable": is_executable(file)} for path, file in others.items()}
        data = {"schema": 1, "files": texts, "env": version.env, "judged": version.judged_config}
        more = {"said": version.own_config, "runs_said": version.runs_own_config, "others": named}
        text = json.dumps({**data, **{key: value for key, value in more.items() if value}})
        write_atomically(self.path / name, text, mode=_MODE)

    def _keep_content(self, file: StackFile) -> None:
        """Keep the content of a file under its hash. It is complete under that name: a killed run leaves a draft."""
        place = self._contents / sha256_of(file)
        if place.exists():
            return
        make_directory(self._contents, mode=0o700)
        draft = place.with_name(f".{place.name}")
        draft.unlink(missing_ok=True)
        write_new(draft, content_of(file), mode=_MODE)
        os.replace(draft, place)

    def _forget_contents(self) -> None:
        """Remove the contents that no version has any more."""
        if not self._contents.is_dir():
            return
        versions = [read_document(self.path / name, _VERSION_SHAPE) for name in _VERSIONS]
        wanted = {entry["sha256"] for found in versions if found for entry in found.get("others", {}).values()}
        for path in self._contents.iterdir():
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def _read(self, name: str) -> Version | None:
        """Return a version that was kept; None if there is none, or if the content of one of its files is gone."""
        found = read_document(self.path / name, _VERSION_SHAPE)
        if found is None or found["schema"] != 1:
            return None
        files: dict[str, File] = dict(found["files"])
        for path, entry in found.get("others", {}).items():
            content = read_bytes(self._contents / entry["sha256"])
            if content is None:
                return None
            files[path] = StackFile(content, executable=entry["executable"])
        return Version(
            files, found["env"], found.get("judged", ""), found.get("said", ""), found.get("runs_said", False)
        )

    def version(self) -> Version | None:
        """Return the version written last; None if there is none."""
        return self._read("version.json")

    def manifest(self) -> str | None:
        """Return the text of the stack's stack.yml; None if there is no such stack."""
        found = read_text(self.path / _MANIFEST)
        return found if found is not None else self._read_old(_MANIFEST)

    def compose_files(self) -> list[str]:
        """Return the paths of the files that Compose runs. Empty if only an earlier release wrote the stack."""
        names = [name for name in (_COMPOSE, *OVERRIDES) if (self.path / name).is_file()]
        return [str(self.path / name) for name in names[:2]]

    def env_file(self) -> str:
        """Return the path of the environment file that Compose reads."""
        return str(self.path / _ENV)

    # The record

    def record(self) -> dict[str, Any]:
        """Return what ``write`` noted last; empty if the file is missing or damaged."""
        found = read_document(self.path / _RECORD, _RECORD_SHAPE)
        return self._old_record() if found is None else found

    def _old_record(self) -> dict[str, Any]:
        """Return what an earlier release noted; empty if there is nothing. No folder passes for another's project."""
        found = _parsed(self._read_old(f"{_OLD}/{_RECORD}"))
        if misfit(found, _RECORD_SHAPE) is not None:
            return {}
        own = (self._name, compose_project(self._tenant.name, self._name))
        known = {key: found[key] for key in _OLD_FIELDS if key in found}
        return {key: value for key, value in known.items() if key != "project" or value in own}

    def kept_project(self) -> str | None:
        """Return the Compose project that was noted down; None if an earlier release wrote the record, or nobody."""
        found = self.record().get("project")
        return str(found) if found else None

    def project(self) -> str:
        """Return the Compose project of the stack. Earlier releases brought it up under its bare name."""
        record = self.record()
        return str(record.get("project") or (self._name if record else compose_project(self._tenant.name, self._name)))

    def is_here(self) -> bool:
        """Say whether the record is in its place, not in that of an earlier release."""
        return (self.path / _RECORD).exists()

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Write the record. A stack with a record is a stack of this host."""
        write_atomically(self.path / _RECORD, f"{json.dumps(record, indent=1)}\n", mode=_MODE)

    # Other versions

    def keep_good(self) -> None:
        """Keep the version written last as the one that a failed start goes back to."""
        version = self.version()
        if version is not None:
            self._keep("good.json", version)

    def good(self) -> Version | None:
        """Return the last good version, None if there is none."""
        return self._read("good.json")

    def keep_refused(self, version: Version) -> Path:
        """Keep a version that did not start, for the operator to look at. Returns the copy of the environment file."""
        self._keep("refused.json", version)
        write_atomically(self.path / "refused.env", version.env, mode=_MODE)
        return self.path / "refused.env"

    # What an earlier release kept in the stack's folder

    def is_old(self) -> bool:
        """Say whether an earlier release wrote this stack. A folder of this form that a tenant made does not count."""
        return self._read_old(f"{_OLD}/{_RECORD}") is not None

    def _take_over(self) -> None:
        """Copy what is not here yet. The record stays: it is written last, so that a kill before that loses nothing."""
        if (self.path / "version.json").exists() or self.is_here():
            return
        for name in _MOVED:
            text = None if (self.path / name).exists() else self._read_old(f"{_OLD}/{name}")
            if text is not None and name in _VERSIONS:
                text = _unjudged(text)
            if text is not None:
                write_atomically(self.path / name, text, mode=_MODE)

    def _forget_old(self) -> None:
        """Remove what is here by now. The directory stays if somebody put something else there."""
        if not self.is_old():
            return
        with walk(self._tenant) as tenant:
            for name in (*_MOVED, _RECORD):
                tenant.unlink(f"{self._name}/{_OLD}/{name}")
            tenant.rmdir(f"{self._name}/{_OLD}")

    def _read_old(self, name: str) -> str | None:
        """Return the text of a file in the stack's folder that root wrote; None if there is none."""
        place = f"{self._name}/{name}"
        try:
            with walk(self._tenant) as tenant:
                states = [tenant.state(str(path)) for path in (PurePosixPath(place), PurePosixPath(place).parent)]
                content = tenant.read(place)
        except (FileNotFoundError, NotADirectoryError, RefusedError):
            return None
        if content is None or any(found is None or found.st_uid != os.geteuid() for found in states):
            return None
        return content.decode(errors="replace")


def _unjudged(text: str) -> str | None:
    """Return a version of an earlier release; None if it is none. No judgement in it is believed."""
    found = _parsed(text)
    if misfit(found, _VERSION_SHAPE) is not None:
        return None
    return json.dumps({key: found[key] for key in ("schema", "files", "env")})


def _parsed(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None
