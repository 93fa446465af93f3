# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack backups`: the runs in the repository of this host.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...._core import forms
from ...._core.result import Result
from ...machine.clock import time_now
from ...machine.docker_backup import BackupEngine
from ...store.layout import Paths
from .repository import open_repository, require_settings

__all__ = ("BackupListRequest", "list_backups")


@dataclass(frozen=True)
class BackupListRequest:
    """Which runs to list: those of one stack, of one tenant, or all of the repository."""

    name: str | None = None
    tenant: str | None = None


def list_backups(
    request: BackupListRequest, *, paths: Paths | None = None, engine: BackupEngine | None = None
) -> Result:
    """Return the runs in the repository, newest first. RolledBackError if the repository does not answer."""
    paths = paths or Paths()
    settings = require_settings(paths)
    name = None if request.name is None else forms.stack_name(request.name)
    tenant = None if request.tenant is None else forms.tenant(request.tenant)
    if settings.password is None:
        return Result(data={"backups": []})
    with open_repository(settings, "list", paths=paths, engine=engine or BackupEngine()) as repository:
        repository.require_answer()
        found = repository.runs()
    now = time_now()
    return Result(
        data={
            "backups": [
                {**run.as_dict(), "age": int((now - run.time).total_seconds())}
                for run in found
                if name in (None, run.stack) and tenant in (None, run.tenant)
            ]
        }
    )
