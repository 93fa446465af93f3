# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the timer of the nightly backup, or remove it.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ...._core.result import CHANGED, Result, Step
from ...machine.timers import HOME, Timer, install_timer, remove_timer
from ...store.layout import Paths
from . import nightly
from .repository import require_settings
from .save import BackupRequest, backup_stack

__all__ = ("UNIT", "ensure_timer", "save_and_schedule")

UNIT = "vsa-stack-backup"

_TIMER = Timer(
    unit=UNIT,
    program="stack-backup",
    packages="backup-python",
    module=nightly.__name__,
    note="# Written by `vsa stack backup`, which overwrites changes.\n",
    service=f"""[Unit]
Description=Save the stacks of this host (VSA)
Wants=network-online.target
After=network-online.target docker.service

[Service]
Type=oneshot
ExecStart=/{HOME}/stack-backup
TimeoutStartSec=12h
Nice=10
IOSchedulingClass=idle
""",
    # As the timer of certificates: not all hosts of a fleet in one minute, and a host that was off catches up.
    timer=f"""[Unit]
Description=Each night: {UNIT}.service

[Timer]
OnCalendar=*-*-* 01:00:00
RandomizedDelaySec=2h
Persistent=true

[Install]
WantedBy=timers.target
""",
)


def save_and_schedule(request: BackupRequest, *, check: bool, paths: Paths | None = None) -> Result:
    """Save a stack, and make the timer what the settings want. The timer is no part of the backup's success."""
    paths = paths or Paths()
    result = backup_stack(request, check=check, paths=paths)
    step = None if check else ensure_timer(Path(paths.root), wanted=require_settings(paths).nightly)
    return dataclasses.replace(result, steps=(*result.steps, step)) if step else result


def ensure_timer(root: Path, *, wanted: bool) -> Step | None:
    """Install the timer, or stop it if it is not wanted. Returns what changed, None if it is as it should be."""
    if wanted:
        return install_timer(root, _TIMER, step="timer", does="makes a backup each night")
    return Step("timer", CHANGED, "the nightly backup is removed") if remove_timer(root, _TIMER) else None
