"""The timer of the nightly backup: its files, once, and only if the settings want it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup import install
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.save import BackupRequest

from backupstack import BackupHost
from timers import UNITS, fake_systemd, imported_alone


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What systemctl is asked."""
    return fake_systemd(tmp_path, monkeypatch)


def test_the_timer_is_installed_once_and_removed(tmp_path: Path, asked: list[str]) -> None:
    step = install.ensure_timer(tmp_path, wanted=True)
    assert step is not None
    assert step.state == "changed"
    assert "Persistent=true" in (tmp_path / UNITS / "vsa-stack-backup.timer").read_text(encoding="utf-8")
    assert (tmp_path / "usr/local/lib/vsa/stack-backup").stat().st_mode & 0o777 == 0o755
    assert install.ensure_timer(tmp_path, wanted=True) is None
    assert asked[-1].startswith("is-active")
    step = install.ensure_timer(tmp_path, wanted=False)
    assert step is not None
    assert "disable --now" in asked
    assert install.ensure_timer(tmp_path, wanted=False) is None


def test_a_host_without_systemd_gets_none(tmp_path: Path) -> None:
    assert install.ensure_timer(tmp_path, wanted=True) is None
    assert list(tmp_path.iterdir()) == []


def test_a_backup_installs_it(shop: BackupHost, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[bool] = []
    monkeypatch.setattr(install, "backup_stack", lambda *_words, **_more: shop.save())
    monkeypatch.setattr(install, "ensure_timer", lambda _root, *, wanted: seen(wanted))

    def seen(value: bool) -> None:
        wanted.append(value)

    install.save_and_schedule(BackupRequest("shop"), check=False, paths=shop.paths)
    shop.settings("schema: 1\nrepository: /repository\npassword: a password of the repository\nnightly: false\n")
    install.save_and_schedule(BackupRequest("shop"), check=False, paths=shop.paths)
    install.save_and_schedule(BackupRequest("shop"), check=True, paths=shop.paths)
    assert wanted == [True, False]


def test_the_program_finds_all_that_it_imports(tmp_path: Path, asked: list[str]) -> None:
    install.ensure_timer(tmp_path, wanted=True)
    place = tmp_path / "usr/local/lib/vsa/backup-python"
    assert str(tmp_path) in imported_alone(place, install.nightly.__name__)
