# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of every test run."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile

import pytest

_STATE = pytest.StashKey[str]()

# Characters of an error that are shown while the tests still run. pytest prints the whole error after the last test.
_SHOWN = 1_500


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give the tests their own audit trail, and the default handlers of signals.

    nohup and background jobs ignore some signals, and child processes would inherit that.
    """
    config.stash[_STATE] = os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="vsa-tests-state-")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if (terminal := config.pluginmanager.get_plugin("terminalreporter")) is not None:
        config.pluginmanager.register(_FailuresAtOnce(terminal))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the audit trail of the tests."""
    shutil.rmtree(config.stash[_STATE], ignore_errors=True)


class _FailuresAtOnce:
    """Print the name and the error of a failed test when the test ends: a run that is stopped early has told them."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print what failed: pytest itself prints the failures after the last test."""
        if report.failed:
            error = getattr(getattr(report.longrepr, "reprcrash", None), "message", "") or str(report.longrepr)
            self._terminal.write_line("")
            self._terminal.write_line(f"{report.when} of {report.nodeid} failed: {error[:_SHOWN]}", red=True)
