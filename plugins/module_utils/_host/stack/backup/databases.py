# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of PostgreSQL in a backup: the client in the database's own container, tied to restic by named pipes.

A dump goes from `docker exec` through a pipe into restic's container. There restic starts a program that passes the
dump on and then ends as the dump ended: a dump that fails makes no snapshot. No dump lies on a disk.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ...._core.errors import RolledBackError
from ...._core.stack.backup.restic import CONTROL, error_lines, summary_of
from ...._core.words import Words, escaped
from ...machine.docker import ExecResult
from .repository import Repository, Task

__all__ = ("Dumped", "load_database", "other_databases", "read_roles", "save_database")

# What every client is told. The database's own container has the variables; by TCP nobody reaches the server that an
# image runs for a moment while it makes the database.
_CONNECT = (
    "export PGUSER=${POSTGRES_USER:-postgres} PGHOST=127.0.0.1; "
    'export PGPASSWORD=${POSTGRES_PASSWORD:-$(cat "${POSTGRES_PASSWORD_FILE:-/dev/null}")}; '
    "export PGDATABASE=${POSTGRES_DB:-$PGUSER}; "
)
_DUMP = f'{_CONNECT}exec pg_dump --format=custom --compress=0 --dbname="$PGDATABASE"'
_ROLES = f"{_CONNECT}exec pg_dumpall --globals-only"
# The database `postgres` counts if somebody made a table there: the server's own tables have lower numbers.
_OTHERS = (
    # No value of somebody else is in the text.
    f'{_CONNECT}ask() {{ psql --no-psqlrc --quiet --tuples-only --no-align --dbname="$1" --command="$2"; }}; '  # noqa: S608
    'ask "$PGDATABASE" "select datname from pg_database where datallowconn and not datistemplate '
    "and datname not in ('postgres', current_database()) order by 1\" || exit 1; "
    '[ "$PGDATABASE" = postgres ] || ask postgres "select \'postgres\' '
    "where exists (select from pg_class where oid >= 16384 and relkind = 'r')\""
)
_READY = "n=0; until pg_isready --quiet || [ $((n += 1)) -gt 60 ]; do sleep 1; done; "
_LOAD_ROLES = f"{_CONNECT}{_READY}exec psql --quiet --no-psqlrc --dbname=postgres"
_LOAD = f'{_CONNECT}exec pg_restore --exit-on-error --single-transaction --clean --if-exists --dbname="$PGDATABASE"'
# In restic's container. The first pipe ends as soon as its writer is gone, and then there is no code to read.
_RECEIVE = f'exec 3<{CONTROL}/status; cat {CONTROL}/data; read -r code <&3 || exit 1; exit "$code"'
_SEND = f'exec "$@" >{CONTROL}/data'
_ROLES_SECONDS = 300
_MOST_BYTES_OF_ROLES = 16 << 20
_MOST_LINES = 5
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Dumped:
    """A dump that was saved: its snapshot, and how many bytes it has."""

    snapshot: str
    size: int


@dataclass
class _Peer:
    """The program at the other end of the pipes, in a thread: opening a pipe waits for restic's container."""

    run: Callable[[_Peer], None]
    over: threading.Event = field(default_factory=threading.Event)
    code: int | None = None
    said: str = ""

    def begin(self) -> threading.Thread:
        thread = threading.Thread(target=self._guarded, daemon=True)
        thread.start()
        return thread

    def _guarded(self) -> None:
        # The container may end before it opened its pipes; its own answer says why.
        with suppress(BrokenPipeError):
            self.run(self)

    def did(self, done: subprocess.CompletedProcess[bytes]) -> int:
        self.code, self.said = done.returncode, done.stderr.decode(errors="replace")
        return done.returncode


def save_database(repository: Repository, container: str, words: Sequence[str], *, filename: str) -> Dumped:
    """Save the dump of the database in a container. ``words`` are further options for restic.

    RolledBackError if the dump fails, or if the repository does not take it: then there is no snapshot.
    """
    status, data = _make_pipes(repository.control, "status", "data")

    def feed(peer: _Peer) -> None:
        with open(status, "wb", buffering=0) as told, open(data, "wb", buffering=0) as sink:
            if peer.over.is_set():
                return
            code = peer.did(_exec(container, _DUMP, stdout=sink))
            sink.close()
            told.write(b"%d\n" % code)

    peer = _Peer(feed)
    command = ["backup", *words, "--stdin-filename", filename, "--stdin-from-command", "--", "sh", "-c", _RECEIVE]
    answer = _run_with(peer, repository, Task(command), pipes=(status, data))
    if peer.code:
        raise _failed("the dump of the database failed", container, peer.said, "pg_dump")
    summary = summary_of(answer.stdout)
    if answer.code or summary is None or peer.code is None:
        raise _failed("the dump was not saved", container, "\n".join(error_lines(answer.output)), "restic")
    return Dumped(summary.snapshot, summary.size)


def read_roles(container: str) -> str:
    """Return the roles of the database server, as SQL. RolledBackError if they cannot be read."""
    try:
        done = _exec(container, _ROLES, stdout=subprocess.PIPE, timeout=_ROLES_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise _failed("the roles of the database were not read in time", container, "", "pg_dumpall") from error
    if done.returncode or len(done.stdout) > _MOST_BYTES_OF_ROLES:
        said = done.stderr.decode(errors="replace")
        raise _failed("the roles of the database could not be read", container, said, "pg_dumpall")
    return str(done.stdout.decode())


def other_databases(container: str) -> list[str]:
    """Return the databases of the server that the dump does not hold. RolledBackError if they cannot be read."""
    try:
        done = _exec(container, _OTHERS, stdout=subprocess.PIPE, timeout=_ROLES_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise _failed("the databases of the server were not read in time", container, "", "psql") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        raise _failed("the databases of the server could not be read", container, said, "psql")
    return [escaped(name) for name in done.stdout.decode(errors="replace").splitlines() if name]


def load_database(repository: Repository, container: str, roles: str, *, snapshot: str, filename: str) -> None:
    """Load a dump of the repository into the empty database of a container, in one transaction.

    RolledBackError if that fails. A role that is there already stays, so errors about roles do not count.
    """
    _exec(container, _LOAD_ROLES, input=roles.encode())
    (data,) = _make_pipes(repository.control, "data")

    def drain(peer: _Peer) -> None:
        with open(data, "rb", buffering=0) as source:
            peer.did(_exec(container, _LOAD, stdin=source))

    peer = _Peer(drain)
    answer = _run_with(peer, repository, Task(["dump", snapshot, filename], script=_SEND), pipes=(data,))
    if answer.code:
        raise _failed("the dump was not read", container, "\n".join(error_lines(answer.stderr)), "restic")
    if peer.code != 0:
        raise _failed("the dump could not be loaded", container, peer.said, "pg_restore")


def _make_pipes(control: Path, *names: str) -> tuple[Path, ...]:
    paths = tuple(control / name for name in names)
    for path in paths:
        with suppress(FileNotFoundError):
            os.unlink(path)
        os.mkfifo(path, 0o600)
    return paths


def _run_with(peer: _Peer, repository: Repository, task: Task, *, pipes: Sequence[Path]) -> ExecResult:
    """Run restic and its peer. If restic's container ended early, the peer waits for it no longer."""
    thread = peer.begin()
    try:
        return repository.run(task)
    finally:
        peer.over.set()
        # What came through a pipe may still be on its way into the database.
        while thread.is_alive():
            _let_go(pipes)
            thread.join(_POLL_SECONDS)


def _let_go(pipes: Sequence[Path]) -> None:
    """Let a peer go on that waits for somebody to open the other end of a pipe."""
    for path in pipes:
        with suppress(OSError):
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


def _exec(container: str, script: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    """Run a shell script of VSA's own in a container, which fills in its own variables."""
    attached = ["--interactive"] if "stdin" in more or "input" in more else []
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # pylint: disable=ansible-bad-function
        ["docker", "exec", *attached, container, "sh", "-c", script],
        stderr=subprocess.PIPE,
        check=False,
        **{"stdout": subprocess.DEVNULL, **more},
    )


def _failed(what: str, container: str, said: str, speaker: str) -> RolledBackError:
    return RolledBackError(
        f"{what} ({container})",
        field="stack.yml/backup/databases",
        value=container,
        state="no backup was made; the stack runs as before",
        details=Words(speaker, said).lines(_MOST_LINES),
    )
