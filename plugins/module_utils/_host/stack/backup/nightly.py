# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup that needs no controller: a timer of the host saves each stack that should have backups, each night.

It runs from copies of these very files in /usr/local/lib/vsa (install.py). Alerts go out where a backup fails.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import sys

from ...._core.errors import VsaError
from ...._core.words import escaped
from ...machine.docker_backup import BackupEngine
from ...machine.sources import as_root
from ...store.layout import Paths
from .health import saved_stacks
from .save import BackupRequest, backup_stack

__all__ = ("main", "save_all")


def save_all(paths: Paths, engine: BackupEngine) -> tuple[list[str], list[str]]:
    """Save each stack that should have backups. Returns a line for each that was saved, and for each that failed."""
    done, failed = [], []
    for stack in saved_stacks(paths):
        name = f"{stack.tenant}/{stack.name}"
        try:
            result = backup_stack(BackupRequest(stack.name, stack.tenant), check=False, paths=paths, engine=engine)
        except VsaError as error:
            failed.append("; ".join([f"{name}: {error.message}", *error.details]))
            continue
        done.append(f"{name}: saved as {result.data['run']}")
    return done, failed


def main() -> int:
    """Run once on this host. Returns 1 if a backup failed, so that systemd shows the unit as failed."""
    return as_root(_run)


def _run() -> int:
    try:
        done, failed = save_all(Paths(), BackupEngine())
    except (VsaError, OSError) as error:
        sys.stderr.write(f"{escaped(str(error))}\n")
        return 1
    sys.stdout.write("".join(f"{escaped(line)}\n" for line in done))
    sys.stderr.write("".join(f"{escaped(line)}\n" for line in failed))
    return 1 if failed else 0
