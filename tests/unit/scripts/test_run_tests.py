"""The runner of all groups: what it counts, where it stops, what it says last."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
REPORT = """<?xml version="1.0"?>
<testsuites><testsuite tests="5" failures="{failures}" errors="0" skipped="2">
<testcase classname="tests.x" name="a"/><testcase classname="tests.x" name="b"/><testcase classname="tests.x" name="c"/>
<testcase classname="tests.x" name="d"><skipped message="no IPv6 here"/></testcase>
<testcase classname="tests.x" name="e"><skipped message="no IPv6 here"/></testcase>
</testsuite></testsuites>
"""
# A stand-in for the Makefile: each group leaves a report and ends as the test says.
MAKEFILE = """
first:
\t@cp report.xml build/reports/first.xml
second:
\t@{second}
third:
\t@echo third runs
beside:
\t@{beside}
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_tests", ROOT / "scripts/run_tests.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "run_tests", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "GROUPS", ("first", "second", "beside", "third"))
    monkeypatch.setattr(module, "BESIDE", "beside")
    monkeypatch.setenv("MAKEFLAGS", "k")
    return module


def prepare(folder: Path, *, second: str = "true", beside: str = "true", failures: int = 0) -> None:
    (folder / "report.xml").write_text(REPORT.format(failures=failures))
    (folder / "Makefile").write_text(MAKEFILE.format(second=second, beside=beside))


def waits(file: str) -> str:
    """Return the shell command that waits for a file, at most 20 seconds."""
    return f"timeout 20 sh -c 'until [ -e {file} ]; do sleep 0.01; done'"


def test_counts_reports_and_single_checks(
    runner: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    assert runner.main() == 0
    lines = capfd.readouterr().out.splitlines()
    # Three of the report passed, and `second`, `beside` and `third` count as one each.
    assert lines[-1] == "6 passed, 0 failed, 2 skipped"
    assert [line for line in lines if line.startswith("skipped in")] == ["skipped in first: tests.x: no IPv6 here"]
    assert "third runs" in lines


def test_stops_at_the_first_group_that_fails(
    runner: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path, second="exit 3")
    assert runner.main() == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1] == "3 passed, 1 failed, 2 skipped"
    assert any(line.startswith("third") and "not run, because second failed" in line for line in lines)
    assert "third runs" not in lines


def test_a_stale_report_never_counts(runner: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, second="exit 1")
    old = tmp_path / "build/reports/second.xml"
    old.parent.mkdir(parents=True)
    old.write_text(REPORT.format(failures=0))
    assert runner.main() == 1
    assert capfd.readouterr().out.splitlines()[-1] == "3 passed, 1 failed, 2 skipped"


def test_the_group_beside_starts_first_and_is_told_in_its_turn(
    runner: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # `second` passes only if the group beside has started, and the group beside ends only after `second` has run.
    beside = f"touch started; {waits('seen')}; echo the images are built"
    prepare(tmp_path, second=f"{waits('started')}; touch seen; echo second runs", beside=beside)
    assert runner.main() == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines.index("second runs") < lines.index("the images are built") < lines.index("third runs")


def test_a_group_beside_that_fails_stops_the_groups_after_its_turn(
    runner: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path, beside="echo no space left; exit 2")
    assert runner.main() == 1
    lines = capfd.readouterr().out.splitlines()
    assert "no space left" in lines
    assert any(line.startswith("third") and "not run, because beside failed" in line for line in lines)


def test_a_failure_stops_the_group_beside(runner: ModuleType, tmp_path: Path) -> None:
    prepare(tmp_path, second=f"{waits('pid')}; exit 1", beside="echo $$$$ > pid; exec sleep 600")
    assert runner.main() == 1
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()
