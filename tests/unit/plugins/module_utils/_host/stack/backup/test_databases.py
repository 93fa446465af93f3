"""A dump and restic are tied by pipes: whoever fails, there is no snapshot and nobody waits for ever."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.settings import BackupSettings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup import databases
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.repository import (
    Repository,
    open_repository,
)

from backupstack import BackupHost

SETTINGS = BackupSettings("/repository", "directory", "a password of the repository")
WORDS = ["--host", "vps", "--tag", "vsa"]
LARGE = b"x" * (1 << 20)


@pytest.fixture
def repository(shop: BackupHost) -> Iterator[Repository]:
    with open_repository(SETTINGS, "x", paths=shop.paths, engine=shop.engine) as opened:
        opened.require(make=True)
        yield opened


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[bytes]]:
    """``client(stdout=…, code=…)`` sets what a client in the container does; returns what it read."""

    def set_answer(*, stdout: bytes = b"", code: int = 0) -> list[bytes]:
        read: list[bytes] = []

        def answer(_container: str, _script: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
            if hasattr(more.get("stdout"), "write"):
                rest = memoryview(stdout)
                while rest:
                    rest = rest[more["stdout"].write(rest) :]
            if hasattr(more.get("stdin"), "read"):
                read.append(more["stdin"].read())
            return subprocess.CompletedProcess([], code, stdout, b"out of order")

        monkeypatch.setattr(databases, "_exec", answer)
        return read

    return set_answer


def save(repository: Repository) -> databases.Dumped:
    return databases.save_database(repository, "db-1", WORDS, filename="/db.dump")


@pytest.mark.parametrize("dump", [b"", b"small", LARGE], ids=["empty", "small", "large"])
def test_a_dump_reaches_the_repository_and_comes_back(
    shop: BackupHost, repository: Repository, client: Callable[..., list[bytes]], dump: bytes
) -> None:
    client(stdout=dump)
    saved = save(repository)
    assert (shop.engine.restic.place / saved.snapshot / "db.dump").read_bytes() == dump
    assert saved.size == len(dump)
    read = client()
    databases.load_database(repository, "db-1", "", snapshot=saved.snapshot, filename="/db.dump")
    assert read == [dump]


@pytest.mark.parametrize("dump", [b"", b"half", LARGE], ids=["nothing", "half", "all"])
def test_a_client_that_fails_makes_no_snapshot(
    shop: BackupHost, repository: Repository, client: Callable[..., list[bytes]], dump: bytes
) -> None:
    client(stdout=dump, code=1)
    with pytest.raises(RolledBackError) as caught:
        save(repository)
    assert "the dump of the database failed" in caught.value.message
    assert "out of order" in str(caught.value.details)
    assert shop.engine.restic.listed == []


def test_a_repository_that_fails_ends_the_client(
    shop: BackupHost, repository: Repository, client: Callable[..., list[bytes]]
) -> None:
    client(stdout=LARGE)
    shop.engine.restic.away = True
    with pytest.raises(RolledBackError, match="the dump was not saved"):
        save(repository)


def test_a_dump_that_is_not_there_is_no_success(repository: Repository, client: Callable[..., list[bytes]]) -> None:
    client()
    with pytest.raises(RolledBackError, match="the dump was not read"):
        databases.load_database(repository, "db-1", "", snapshot="s9", filename="/db.dump")


def test_a_dump_that_does_not_load_is_no_success(repository: Repository, client: Callable[..., list[bytes]]) -> None:
    client(stdout=b"dump")
    saved = save(repository)
    client(code=1)
    with pytest.raises(RolledBackError, match="the dump could not be loaded"):
        databases.load_database(repository, "db-1", "", snapshot=saved.snapshot, filename="/db.dump")


def test_the_roles_of_a_server(client: Callable[..., list[bytes]]) -> None:
    client(stdout=b"CREATE ROLE a;\n")
    assert databases.read_roles("db-1") == "CREATE ROLE a;\n"
    client(code=1)
    with pytest.raises(RolledBackError, match="could not be read"):
        databases.read_roles("db-1")
