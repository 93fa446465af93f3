# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the timer that reads the alerts of stacks.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from pathlib import Path

from ...._core.result import CHANGED, Step
from ...machine.timers import HOME, Timer, install_timer, remove_timer
from ...store.layout import Paths
from . import deliver

__all__ = ("UNIT", "ensure_alerts", "remove_alerts")

UNIT = "vsa-stack-alerts"

_TIMER = Timer(
    unit=UNIT,
    program="stack-alerts",
    packages="alerts-python",
    module=deliver.__name__,
    note="# Written by `vsa stack up`, which overwrites changes.\n",
    service=f"""[Unit]
Description=Send the alerts that fire (VSA)
After=docker.service

[Service]
Type=oneshot
ExecStart=/{HOME}/stack-alerts
TimeoutStartSec=5min
Nice=10
""",
    timer=f"""[Unit]
Description=Each minute: {UNIT}.service

[Timer]
OnBootSec=2min
OnUnitInactiveSec=1min
AccuracySec=10s

[Install]
WantedBy=timers.target
""",
)


def ensure_alerts(root: Path) -> Step | None:
    """Install the timer. Returns what changed, None if it is as it should be or the host has no systemd."""
    return install_timer(root, _TIMER, step="alerts", does="sends the alerts that fire")


def remove_alerts(paths: Paths) -> Step | None:
    """Remove the timer if no stack that should run has alerts. Returns what changed, None if nothing did."""
    if deliver.stacks_with_alerts(paths) or not remove_timer(Path(paths.root), _TIMER):
        return None
    return Step("alerts", CHANGED, f"{UNIT}.timer is removed: no other stack has alerts")
