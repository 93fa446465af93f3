# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When each stack was saved last, as figures for Prometheus.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ...._core.figures import LastBackup, backup_figures
from ...._core.times import parse_time
from ...store.backups import BackupRecord
from ...store.figures import write_figures
from ...store.layout import Paths
from .health import saved_stacks

__all__ = ("write_backup_figures",)


def write_backup_figures(paths: Paths) -> str | None:
    """Write the figures of all stacks that were saved before. Returns why that failed, None if it did not."""
    found = []
    for stack in saved_stacks(paths):
        good = parse_time(BackupRecord(paths, stack.tenant, stack.name).read().get("time"))
        if good is not None:
            found.append(LastBackup(stack.tenant, stack.name, good))
    return write_figures(paths, "backups", backup_figures(found))
