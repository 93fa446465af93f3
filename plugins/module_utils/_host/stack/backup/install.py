# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the timer of the nightly backup: copies of the files that nightly.py imports, a service and a timer.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ...._core.result import CHANGED, WARNING, Result, Step
from ...machine.files import make_directory, write_atomically
from ...machine.programs import output_of
from ...machine.sources import imported_sources, starting_program
from ...store.layout import Paths
from . import nightly
from .repository import require_settings
from .save import BackupRequest, backup_stack

__all__ = ("UNIT", "ensure_timer", "save_and_schedule")

UNIT = "vsa-stack-backup"
_HOME = "usr/local/lib/vsa"
_UNITS = "etc/systemd/system"
_MADE = "# Written by `vsa stack backup`, which overwrites changes.\n"

_PROGRAM = starting_program(nightly.__name__, f"/{_HOME}/backup-python", note=_MADE)

_SERVICE = f"""{_MADE}[Unit]
Description=Save the stacks of this host (VSA)
Wants=network-online.target
After=network-online.target docker.service

[Service]
Type=oneshot
ExecStart=/{_HOME}/stack-backup
TimeoutStartSec=12h
Nice=10
IOSchedulingClass=idle
"""

# As the timer of certificates: not all hosts of a fleet in one minute, and a host that was off catches up.
_TIMER = f"""{_MADE}[Unit]
Description=Each night: {UNIT}.service

[Timer]
OnCalendar=*-*-* 01:00:00
RandomizedDelaySec=2h
Persistent=true

[Install]
WantedBy=timers.target
"""


def save_and_schedule(request: BackupRequest, *, check: bool, paths: Paths | None = None) -> Result:
    """Save a stack, and make the timer what the settings want. The timer is no part of the backup's success."""
    paths = paths or Paths()
    result = backup_stack(request, check=check, paths=paths)
    step = None if check else ensure_timer(Path(paths.root), wanted=require_settings(paths).nightly)
    return dataclasses.replace(result, steps=(*result.steps, step)) if step else result


def ensure_timer(root: Path, *, wanted: bool) -> Step | None:
    """Install the timer, or stop it if it is not wanted. Returns what changed, None if it is as it should be."""
    if not (root / _UNITS).is_dir():
        return None
    timer = root / _UNITS / f"{UNIT}.timer"
    if not wanted:
        if not timer.exists():
            return None
        output_of(["systemctl", "disable", "--now", f"{UNIT}.timer"])
        timer.unlink()
        output_of(["systemctl", "daemon-reload"])
        return Step("timer", CHANGED, "the nightly backup is removed")
    changed = [_write(root / name, text, mode) for name, (text, mode) in _files().items()]
    active = output_of(["systemctl", "is-active", f"{UNIT}.timer"]) is not None
    if active and not any(changed):
        return None
    output_of(["systemctl", "daemon-reload"])
    if output_of(["systemctl", "enable", "--now", f"{UNIT}.timer"]) is None:
        return Step("timer", WARNING, f"{UNIT}.timer does not start: systemctl status {UNIT}.timer")
    return None if active else Step("timer", CHANGED, f"{UNIT}.timer makes a backup each night")


def _files() -> dict[str, tuple[str, int]]:
    """Return text and mode of each file. This file imports `nightly`, so its files are among those imported."""
    files = {f"{_HOME}/backup-python/{path}": (text, 0o644) for path, text in imported_sources().items()}
    files[f"{_HOME}/stack-backup"] = (_PROGRAM, 0o755)
    files[f"{_UNITS}/{UNIT}.service"] = (_SERVICE, 0o644)
    files[f"{_UNITS}/{UNIT}.timer"] = (_TIMER, 0o644)
    return files


def _write(path: Path, text: str, mode: int) -> bool:
    make_directory(path.parent, mode=0o755)
    return write_atomically(path, text, mode=mode)
