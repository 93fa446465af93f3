"""Run every group of checks, those without hosts first, and stop at the first group that fails.

`make test` and CI run this. The images of the rig are built beside the groups that need no host, and the groups that
use one core come first, so that the machine is busy all the time. At the end it prints a table (group, seconds,
outcome), the reasons of skipped tests, and the line
`N passed, N failed, N skipped`. A group without a pytest report (lint, sanity, rig, molecule) counts as one test.
Exit code: 0 all passed, 1 a group failed, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
GROUPS = ("lint", "packaging", "sanity", "unit", "contracts", "rig", "dashboard", "integration", "molecule")
# The group that starts with the first group, and whose outcome is asked for in its turn.
BESIDE = "rig"


@dataclasses.dataclass
class Outcome:
    """The outcome of one group. `reasons` are the distinct reasons of its skipped tests."""

    group: str
    seconds: float
    code: int
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: tuple[str, ...] = ()


def counted(group: str, seconds: float, code: int) -> Outcome:
    """Return the outcome of a group from its pytest report. A group without a report counts as one test."""
    report = ROOT / "build/reports" / f"{group}.xml"
    if not report.is_file():
        return Outcome(group, seconds, code, passed=int(code == 0), failed=int(code != 0))
    suites = ElementTree.parse(report).getroot().iter("testsuite")
    total = failed = skipped = 0
    reasons: dict[str, None] = {}
    for suite in suites:
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
        for case in suite.iter("testcase"):
            for skip in case.iter("skipped"):
                reasons[f"{case.get('classname')}: {skip.get('message')}"] = None
    # A group may fail without a failed test: nothing was collected, or a worker died.
    failed = max(failed, int(code != 0))
    return Outcome(group, seconds, code, max(total - failed - skipped, 0), failed, skipped, tuple(reasons))


def start(group: str, **output: Any) -> subprocess.Popen[bytes]:
    """Start the make target of one group. The report of an earlier run goes first."""
    (ROOT / "build/reports" / f"{group}.xml").unlink(missing_ok=True)
    return subprocess.Popen(
        ["make", "--no-print-directory", group],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        start_new_session=bool(output),
        **output,
    )


def run(group: str) -> Outcome:
    """Run the make target of one group, and pass its output through."""
    print(f"\n=== {group} ===", flush=True)
    started = time.monotonic()
    with start(group) as process:
        code = process.wait()
    return counted(group, time.monotonic() - started, code)


class Beside:
    """A group that runs beside the others. Its output goes to build/reports/GROUP.log, and is printed in its turn."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._log = ROOT / "build/reports" / f"{group}.log"
        with self._log.open("wb") as log:
            self._process = start(group, stdout=log, stderr=subprocess.STDOUT)

    def outcome(self) -> Outcome:
        """Wait for the group, print its output, and return its outcome. The seconds are those of the wait."""
        print(f"\n=== {self._group} (started beside the groups above) ===", flush=True)
        started = time.monotonic()
        code = self._process.wait()
        print(self._log.read_text(errors="replace"), end="", flush=True)
        return counted(self._group, time.monotonic() - started, code)

    def end(self) -> None:
        """Stop the group if it still runs: a group before it failed, or the run was interrupted."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()


def main() -> int:
    """Run the groups and print the summary."""
    (ROOT / "build/reports").mkdir(parents=True, exist_ok=True)
    # `make` hands its flags down. The flags -k and -j of the outer `make` must not reach the groups.
    os.environ.pop("MAKEFLAGS", None)
    outcomes: list[Outcome] = []
    beside = Beside(BESIDE)
    try:
        for group in GROUPS:
            outcomes.append(beside.outcome() if group == BESIDE else run(group))
            if outcomes[-1].code != 0:
                break
    finally:
        beside.end()
    print("\n=== summary ===")
    for outcome in outcomes:
        verdict = "ok" if outcome.code == 0 else f"FAILED (exit {outcome.code})"
        counts = f"{outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped"
        print(f"{outcome.group:<12} {outcome.seconds:7.1f} s  {counts:<38} {verdict}")
    for group in GROUPS[len(outcomes) :]:
        print(f"{group:<12}        —    not run, because {outcomes[-1].group} failed")
    for outcome in outcomes:
        for reason in outcome.reasons:
            print(f"skipped in {outcome.group}: {reason}")
    passed, failed, skipped = (
        sum(getattr(outcome, key) for outcome in outcomes) for key in ("passed", "failed", "skipped")
    )
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
