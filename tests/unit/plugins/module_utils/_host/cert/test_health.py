"""The renewal loop and the timer on the host."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.health import renewal_findings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.systemd import UnitState
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

RUNS = UnitState(active=True, enabled=True)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(str(tmp_path))
    paths.letsencrypt.mkdir(parents=True)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    return paths


def names(paths: Paths, *, state: UnitState = RUNS, result: str | None = "success") -> list[str]:
    findings = renewal_findings(paths, unit=lambda _name: state, ask=lambda _argv: result)
    assert all(finding.remedy for finding in findings)
    return [finding.name for finding in findings]


def test_a_loop_that_never_ran_or_worked(paths: Paths) -> None:
    assert names(paths) == []
    (paths.letsencrypt / "vsa-renew.state").write_text("time=2026-11-29T03:00:00Z\nexit=0\n")
    assert names(paths) == []


def test_a_loop_that_failed(paths: Paths) -> None:
    (paths.letsencrypt / "vsa-renew.state").write_text("time=2026-11-29T03:00:00Z\nexit=1\n")
    assert names(paths) == ["renewal-failed"]
    (paths.letsencrypt / "vsa-renew.state").write_text("exit=x\n")
    assert names(paths) == []


def test_a_timer_that_is_not_installed_is_no_finding(paths: Paths) -> None:
    assert names(paths, state=UnitState(), result="failed") == []


def test_a_timer_that_is_installed_has_to_run(paths: Paths) -> None:
    Path(paths.root, "etc/systemd/system/vsa-cert-renew.timer").touch()
    assert names(paths) == []
    assert names(paths, state=UnitState(active=False, enabled=True)) == ["timer-stopped"]
    assert names(paths, result="exit-code\n") == ["timer-failed"]
    assert names(paths, result=None) == []
