"""The timer of the nightly backup: its files, once, and only if the settings want it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup import install
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.save import BackupRequest

from backupstack import BackupHost

UNITS = "etc/systemd/system"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What systemctl is asked. The timer is active once it was enabled."""
    (tmp_path / UNITS).mkdir(parents=True)
    words: list[str] = []

    def answer(argv: Sequence[str]) -> str | None:
        words.append(" ".join(argv[1:3]))
        inactive = argv[1] == "is-active" and not any(word.startswith("enable") for word in words)
        return None if inactive else ""

    monkeypatch.setattr(install, "output_of", answer)
    return words


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
    program = f"import {install.nightly.__name__} as program; print(program.__file__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(place)!r}); {program}"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(path for path in sys.path if "site-packages" in path and "_vsa" not in path)},
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout
