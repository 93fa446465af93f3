"""The repository: it answers and is the one of before, or there is an error that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.settings import Access, BackupSettings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import ExecResult
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.repository import (
    Task,
    open_repository,
    require_settings,
    unreachable,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.backups import known_repository

from backupstack import BackupHost

SETTINGS = BackupSettings("/repository", "directory", "a password of the repository")


def test_a_repository_is_made_once(shop: BackupHost) -> None:
    with open_repository(SETTINGS, "x", paths=shop.paths, engine=shop.engine) as repository:
        with pytest.raises(RolledBackError):
            repository.require(make=False)
        repository.require(make=True)
        repository.require(make=False)
    assert known_repository(shop.paths, "/repository") == "r1"
    assert Path(shop.paths.root, "repository").is_dir()


def test_a_lost_repository_is_not_made_again(shop: BackupHost) -> None:
    with open_repository(SETTINGS, "x", paths=shop.paths, engine=shop.engine) as repository:
        repository.require(make=True)
        shop.engine.restic.made = False
        with pytest.raises(RolledBackError, match="does not answer"):
            repository.require(make=True)
        Path(shop.paths.root, "repository").rmdir()
        with pytest.raises(RolledBackError, match="does not answer"):
            repository.require(make=True)
    assert not shop.engine.restic.made


def test_another_repository_is_told(shop: BackupHost) -> None:
    with open_repository(SETTINGS, "x", paths=shop.paths, engine=shop.engine) as repository:
        repository.require(make=True)
        shop.engine.restic.identity = "r2"
        with pytest.raises(RolledBackError, match="another repository"):
            repository.require(make=True)


def test_the_image_of_restic_is_pulled(shop: BackupHost) -> None:
    shop.engine.images.discard("restic/restic:0.19.1")
    with pytest.raises(RefusedError), open_repository(SETTINGS, "x", paths=shop.paths, engine=shop.engine):
        pass
    shop.engine.registry.add("restic/restic:0.19.1")
    with open_repository(SETTINGS, "x", paths=shop.paths, engine=shop.engine):
        assert "pull restic/restic:0.19.1" in shop.engine.done


def test_only_a_repository_elsewhere_has_a_network(shop: BackupHost) -> None:
    elsewhere = BackupSettings("rest:https://store/x", "rest", SETTINGS.password, Access())
    with open_repository(elsewhere, "x", paths=shop.paths, engine=shop.engine) as repository:
        repository.run(Task(["snapshots"]))
    task = shop.engine.restic.tasks[-1]
    assert task.network == "bridge"
    assert not any("/repository:" in bind for bind in task.binds)


def test_the_first_question_has_a_bound(shop: BackupHost) -> None:
    """restic goes on for a quarter of an hour if nobody answers. A listing asks first too."""
    with open_repository(SETTINGS, "x", paths=shop.paths, engine=shop.engine) as repository:
        repository.require(make=True)
        repository.require_answer()
        asked = [task.argv for task in shop.engine.restic.tasks if "cat" in task.argv]
        assert len(asked) >= 2
        assert {argv[:3] for argv in asked} == {("sh", "-c", 'timeout 90 "$@"; exit $?')}
        shop.engine.restic.away = True
        with pytest.raises(RolledBackError, match="does not answer"):
            repository.require_answer()


def test_a_directory_is_compared_before_restic_starts(shop: BackupHost) -> None:
    with open_repository(SETTINGS, "x", paths=shop.paths, engine=shop.engine) as repository:
        repository.require(make=True)
        repository.run(Task(["snapshots"], same=("/backup/folder", "1:2")))
    argv = shop.engine.restic.tasks[-1].argv
    assert argv[0] == "sh"
    assert argv[3:6] == ("sh", "/backup/folder", "1:2")
    assert argv[6] == "restic"


def test_a_wrong_password_is_named_and_not_shown() -> None:
    error = unreachable(SETTINGS, ExecResult(12, "", '{"message":"Fatal: wrong password or no key found"}'))
    assert error.exit_code == 4
    assert "is not opened by the password" in error.message
    assert str(SETTINGS.password) not in str(error.as_result())


def test_settings_are_needed(shop: BackupHost) -> None:
    assert require_settings(shop.paths).repository == "/repository"
    Path(shop.paths.root, "etc/vsa/backup.yml").unlink()
    with pytest.raises(RefusedError):
        require_settings(shop.paths)
