# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository of the backups: restic, in a container that sees only what it saves or restores.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...._core.errors import RefusedError, RolledBackError
from ...._core.stack.backup import restic
from ...._core.stack.backup.runs import BackupRun, read_runs
from ...._core.stack.backup.settings import BackupSettings
from ...._core.words import Words
from ...machine.docker import ExecResult
from ...machine.docker_backup import BackupEngine, Isolated
from ...store.backups import (
    cache_directory,
    control_directory,
    keep_repository,
    known_repository,
    read_backup_settings,
    repository_directory,
)
from ...store.layout import Paths

__all__ = ("SAVED", "Repository", "Task", "open_repository", "require_settings", "unreachable")

SAVED = "/backup"
"""Where restic's container sees what is saved."""

_ENDPOINT = "no backup was made or removed; the stack is as before"
_MOST_LINES = 5
# Given a directory and its device and inode, restic runs only if exactly that directory is mounted: the path of a
# folder below /srv may lead elsewhere by the time that the engine mounts it.
_CHECKED = (
    'test "$(stat -c %d:%i "$1")" = "$2" || { echo "$1 is another directory by now" >&2; exit 97; }; shift 2; exec "$@"'
)
# restic itself goes on for a quarter of an hour if nobody answers, and no option of restic shortens that.
_ANSWER_SECONDS = 90
# The shell stays the first process of the container: as such, coreutils' timeout takes its program for an orphan.
_SOON = f'timeout {_ANSWER_SECONDS} "$@"; exit $?'


def require_settings(paths: Paths) -> BackupSettings:
    """Return the settings of this host's backups. RefusedError if there are none."""
    settings = read_backup_settings(paths)
    if settings is None:
        raise RefusedError(
            "this host has no place for backups",
            field="backup.yml",
            value="(missing)",
            expected="/etc/vsa/backup.yml, mode 0600, with the lines schema: 1 and repository: …",
        )
    return settings


@dataclass(frozen=True)
class Task:
    """One command of restic, with what its container sees besides the repository.

    ``same`` is a mounted directory and the device and inode that it must have. ``script`` is a program for sh that
    starts restic as ``"$@"``.
    """

    words: Sequence[str]
    binds: Sequence[str] = ()
    capabilities: tuple[str, ...] = ()
    same: tuple[str, str] | None = None
    script: str | None = None


@dataclass(frozen=True)
class Repository:
    """A repository that is open. ``control`` is the directory of the host with the files for restic."""

    settings: BackupSettings
    control: Path
    container: str
    paths: Paths
    engine: BackupEngine

    def run(self, task: Task) -> ExecResult:
        """Run restic, whatever comes of it."""
        argv = ["restic", *restic.options(self.settings), *task.words]
        if task.same is not None:
            argv = ["sh", "-c", _CHECKED, "sh", *task.same, *argv]
        elif task.script is not None:
            argv = ["sh", "-c", task.script, "sh", *argv]
        binds = [f"{self.control}:{restic.CONTROL}:ro", f"{cache_directory(self.paths)}:/cache:rw", *task.binds]
        if not self.settings.is_remote:
            directory = repository_directory(self.settings, self.paths, make=False)
            if directory is None:
                return ExecResult(restic.NO_REPOSITORY, "", f"there is no directory {self.settings.repository}")
            binds.append(f"{directory}:{restic.REPOSITORY}:rw")
        return self.engine.run_isolated(
            Isolated(
                name=self.container,
                image=restic.RESTIC,
                argv=tuple(argv),
                binds=tuple(binds),
                environment=restic.environment(self.settings),
                capabilities=task.capabilities,
                network="bridge" if self.settings.is_remote else "none",
            )
        )

    def require(self, *, make: bool) -> None:
        """Make sure that the repository answers, and that it is the one of before. With ``make`` a new one is made.

        RolledBackError if it does not answer, or if a repository that this host has used is gone.
        """
        address = self.settings.repository
        known = known_repository(self.paths, address)
        answer = self._ask()
        if answer.code == restic.NO_REPOSITORY and known is None and make:
            if not self.settings.is_remote:
                repository_directory(self.settings, self.paths, make=True)
            made = self.run(Task(["init"]))
            if made.code:
                raise unreachable(self.settings, made)
            answer = self._ask()
        if answer.code:
            raise unreachable(self.settings, answer)
        identity = restic.repository_id(answer.stdout)
        if known is not None and identity != known:
            raise RolledBackError(
                f"{address} holds another repository than the one that this host has used",
                field="backup.yml/repository",
                value=address,
                state=_ENDPOINT,
                hint="if that is right: rm /var/lib/vsa/backup.json",
            )
        keep_repository(self.paths, address, identity)

    def require_answer(self) -> None:
        """Make sure that the repository answers. RolledBackError if it does not."""
        answer = self._ask()
        if answer.code:
            raise unreachable(self.settings, answer)

    def _ask(self) -> ExecResult:
        """Ask for the configuration of the repository, for a bounded time."""
        return self.run(Task(["cat", "config"], script=_SOON))

    def runs(self) -> list[BackupRun]:
        """Return all runs in the repository, newest first."""
        answer = self.run(Task(["snapshots"]))
        if answer.code:
            raise unreachable(self.settings, answer)
        return read_runs(answer.stdout)

    def forget(self, snapshots: Sequence[str], *, prune: bool) -> ExecResult:
        """Remove snapshots; with ``prune`` also the data that only they had. The repository may refuse that."""
        return self.run(Task(["forget", *(["--prune"] if prune else []), *snapshots]))


def unreachable(settings: BackupSettings, answer: ExecResult) -> RolledBackError:
    """Return the error for a repository that does not do what it was asked."""
    wrong = answer.code == restic.WRONG_PASSWORD
    what = "is not opened by the password of backup.yml" if wrong else "does not answer"
    said = "\n".join(restic.error_lines(answer.output))
    return RolledBackError(
        f"the repository {settings.repository} {what}",
        field="backup.yml/password" if wrong else "backup.yml/repository",
        value=None if wrong else settings.repository,
        state=_ENDPOINT,
        details=Words("restic", said).lines(_MOST_LINES),
    )


@contextmanager
def open_repository(settings: BackupSettings, name: str, *, paths: Paths, engine: BackupEngine) -> Iterator[Repository]:
    """Give the repository, with the image of restic on the host. ``name`` is whose run it is: one at a time."""
    if engine.image_id(restic.RESTIC) is None:
        engine.pull(restic.RESTIC)
    texts, files = restic.control_files(settings), restic.given_files(settings)
    container = f"vsa-once-backup-{name}"
    engine.remove_now(container)
    with control_directory(paths, name, texts, files) as control:
        try:
            yield Repository(settings, control, container, paths, engine)
        finally:
            engine.remove_now(container)
