"""The timer of alerts: its files, once, and a program that starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.alerts import install

from timers import UNITS, fake_systemd, imported_alone


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What systemctl is asked."""
    return fake_systemd(tmp_path, monkeypatch)


def test_the_timer_is_installed_once(tmp_path: Path, asked: list[str]) -> None:
    step = install.ensure_alerts(tmp_path)
    assert step is not None
    assert step.state == "changed"
    assert "OnUnitInactiveSec=1min" in (tmp_path / UNITS / "vsa-stack-alerts.timer").read_text(encoding="utf-8")
    assert (tmp_path / "usr/local/lib/vsa/stack-alerts").stat().st_mode & 0o777 == 0o755
    assert "enable --now" in asked
    assert install.ensure_alerts(tmp_path) is None


def test_a_timer_that_does_not_start_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_systemd(tmp_path, monkeypatch, starts=False)
    step = install.ensure_alerts(tmp_path)
    assert step is not None
    assert step.state == "warning"


def test_a_host_without_systemd_gets_none(tmp_path: Path) -> None:
    assert install.ensure_alerts(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_the_program_finds_all_that_it_imports(tmp_path: Path, asked: list[str]) -> None:
    install.ensure_alerts(tmp_path)
    place = tmp_path / "usr/local/lib/vsa/alerts-python"
    assert str(tmp_path) in imported_alone(place, install.deliver.__name__)
