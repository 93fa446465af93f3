# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the renewal: did the last round of Certbot's loop work, does the timer on the host run.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..._core.finding import WARNING, Finding
from ..._core.hints import Advice, Hint
from ..machine.programs import output_of
from ..machine.systemd import UnitState, read_unit
from ..store.layout import Paths
from .listing import last_renewal
from .timer.install import UNIT

__all__ = ("renewal_findings",)


def renewal_findings(
    paths: Paths,
    *,
    unit: Callable[[str], UnitState] = read_unit,
    ask: Callable[[list[str]], str | None] = output_of,
) -> list[Finding]:
    """Return what is wrong with the renewal loop, and with the timer on the host if it is installed."""
    findings = []
    last = last_renewal(paths)
    if last is not None and last["exit"]:
        text = f"the round of {last['time']} failed with exit code {last['exit']}"
        findings.append(Finding("renewal-failed", WARNING, "renewal loop", text, Advice("", Hint("cert.renew"))))
    timer = f"{UNIT}.timer"
    if not Path(paths.root, "etc/systemd/system", timer).exists():
        return findings
    state = unit(timer)
    if not (state.active and state.enabled):
        text = "the timer is installed, and does not run"
        findings.append(Finding("timer-stopped", WARNING, timer, text, Advice("", Hint("cert.install-cron"))))
    result = ask(["systemctl", "show", f"{UNIT}.service", "--property=Result", "--value"])
    if result is not None and result.strip() not in ("", "success"):
        text = f"its last run failed: {result.strip()}"
        findings.append(Finding("timer-failed", WARNING, f"{UNIT}.service", text, f"journalctl -u {UNIT}, on the host"))
    return findings
