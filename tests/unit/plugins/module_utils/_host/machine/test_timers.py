"""A timer of VSA: installed once, mended if a file differs, and removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.timers import (
    HOME,
    Timer,
    install_timer,
    remove_timer,
)

from timers import UNITS, fake_systemd

TIMER = Timer(
    unit="vsa-x",
    program="x",
    packages="x-python",
    module="a.b",
    note="# by a test\n",
    service=f"[Service]\nExecStart=/{HOME}/x\n",
    timer="[Timer]\nOnBootSec=1min\n",
)


def test_a_file_that_somebody_changed_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_systemd(tmp_path, monkeypatch)
    step = install_timer(tmp_path, TIMER, step="x", does="does x")
    assert step is not None
    assert step.text == "vsa-x.timer does x"
    unit = tmp_path / UNITS / "vsa-x.service"
    assert unit.read_text(encoding="utf-8") == f"# by a test\n[Service]\nExecStart=/{HOME}/x\n"
    unit.write_text("torn", encoding="utf-8")
    asked.clear()
    install_timer(tmp_path, TIMER, step="x", does="does x")
    assert "torn" not in unit.read_text(encoding="utf-8")
    assert "daemon-reload" in asked


def test_the_program_stays_if_the_timer_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_systemd(tmp_path, monkeypatch)
    assert not remove_timer(tmp_path, TIMER)
    assert asked == []
    install_timer(tmp_path, TIMER, step="x", does="does x")
    assert remove_timer(tmp_path, TIMER)
    assert asked[-2:] == ["disable --now", "daemon-reload"]
    assert not (tmp_path / UNITS / "vsa-x.timer").exists()
    assert (tmp_path / HOME / "x").stat().st_mode & 0o777 == 0o755
