# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the unit that starts VSA's own containers after a boot: copies of the files that boot.py imports, and a unit.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..machine.files import make_directory, point_link, write_atomically
from ..machine.sources import imported_sources, starting_program
from . import boot

__all__ = ("install_boot_unit",)

_HOME = "usr/local/lib/vsa"
_UNIT = "vsa-boot.service"
_MADE = "# Written by `vsa stack up`, which overwrites changes.\n"

_PROGRAM = starting_program(boot.__name__, f"/{_HOME}/boot-python", note=_MADE)

# Docker has started by then what it starts itself. The two timers catch up after a boot, and start containers too.
_SERVICE = f"""{_MADE}[Unit]
Description=Start the last proven version of VSA's own containers that a power cut left stopped
Requires=docker.service
After=docker.service
Before=vsa-cert-renew.service vsa-stack-backup.service

[Service]
Type=oneshot
ExecStart=/{_HOME}/boot
TimeoutStartSec=5min

[Install]
WantedBy=multi-user.target
"""


def install_boot_unit(root: Path) -> None:
    """Install the unit for the next boot, unless the host has no systemd. Files that are right stay as they are."""
    units = root / "etc/systemd/system"
    if not units.is_dir():
        return
    home = root / _HOME
    # This file imports `boot`, so the files of `boot` are among those that are imported.
    for name, text in imported_sources().items():
        _write(home / "boot-python" / name, text, 0o644)
    _write(home / "boot", _PROGRAM, 0o755)
    _write(units / _UNIT, _SERVICE, 0o644)
    # What `systemctl enable` does. systemd reads it at the next boot, which is when the unit runs.
    wants = units / "multi-user.target.wants"
    make_directory(wants, mode=0o755)
    with suppress(OSError):
        if (wants / _UNIT).readlink() == Path(f"/etc/systemd/system/{_UNIT}"):
            return
    point_link(wants / _UNIT, f"/etc/systemd/system/{_UNIT}")


def _write(path: Path, text: str, mode: int) -> None:
    make_directory(path.parent, mode=0o755)
    write_atomically(path, text, mode=mode)
