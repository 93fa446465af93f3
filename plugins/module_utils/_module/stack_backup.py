# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module stack_backup as the request of its verb, and what the module does in each state.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.result import Result
from .._core.run_context import RunContext
from .._host.stack.backup.install import save_and_schedule
from .._host.stack.backup.restore import RestoreRequest, restore_stack
from .._host.stack.backup.save import BackupRequest

__all__ = ("act", "restore_request")


def act(params: Mapping[str, Any], *, run: RunContext, check: bool) -> Result:
    """Do what the module's state says. ``run`` says who runs the verb."""
    if params["state"] == "saved":
        return save_and_schedule(BackupRequest(params["name"], params["tenant"]), check=check)
    return restore_stack(restore_request(params, run), check=check)


def restore_request(params: Mapping[str, Any], run: RunContext) -> RestoreRequest:
    """Return the request of ``stack restore``."""
    return RestoreRequest(
        params["name"],
        tenant=params["tenant"],
        run=params["run"],
        new_name=params["new_name"],
        allow=tuple(params["allow"]),
        by=run,
    )
