# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of backups for `vsa status`: settings that cannot be read, and stacks whose last good backup is too old.

It reads what this host noted down, and does not ask the repository.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime

from ...._core.errors import VsaError
from ...._core.finding import WARNING, Finding
from ...._core.hints import Advice, Hint
from ...._core.stack.manifest import Stack
from ...._core.times import parse_time, time_since
from ...store.backups import BackupRecord, read_backup_settings
from ...store.layout import Paths
from ...store.stacks import known_stacks
from ..folder import find_stack

__all__ = ("backup_findings", "saved_stacks")


def saved_stacks(paths: Paths) -> list[Stack]:
    """Return the stacks of which there should be backups: stack.yml says so, or there was one before."""
    found = []
    for tenant, name in known_stacks(paths):
        try:
            _folder, stack = find_stack(paths, name, tenant=tenant)
        except VsaError:
            continue  # another check names a stack that cannot be read
        if stack.backup is not None or BackupRecord(paths, tenant, name).read():
            found.append(stack)
    return found


def backup_findings(paths: Paths, *, now: datetime.datetime) -> list[Finding]:
    """Return a finding for each stack whose last good backup is too old. A host without settings has none."""
    try:
        settings = read_backup_settings(paths)
    except VsaError as error:
        return [Finding("backup-settings", WARNING, "backup.yml", error.message, "mend the file")]
    if settings is None:
        return []
    latest = datetime.timedelta(hours=settings.late_hours)
    return [finding for stack in saved_stacks(paths) for finding in _of_stack(paths, stack, latest, now)]


def _of_stack(paths: Paths, stack: Stack, latest: datetime.timedelta, now: datetime.datetime) -> list[Finding]:
    record = BackupRecord(paths, stack.tenant, stack.name).read()
    good = parse_time(record.get("time"))
    if good is not None and now - good <= latest:
        return []
    text = "there is no backup yet"
    if good is not None:
        text = f"the last good backup is {time_since(int((now - good).total_seconds()))} old"
    if record.get("failure"):
        text += f"; the last try failed: {record['failure']}"
    advice = Advice("", Hint("stack.backup", {"name": stack.name, "tenant": stack.tenant}))
    return [Finding("backup-late", WARNING, f"{stack.tenant}/{stack.name}", text, advice)]
