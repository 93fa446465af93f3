# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which a module knows its run: the audit id, who started the run, and the verb.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.utils.display import Display
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.ids import new_audit_id
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.login import current_actor

__all__ = ("refusal", "run_options", "set_audit_id", "set_refusal")

# The audit callback sets the id in Ansible's main process. The processes that run action plugins are forked from it.
_recorded: dict[str, str] = {}
# The lookup of the hosts refuses a run in the same process.
_refused: list[VsaError] = []


def set_audit_id(audit_id: str | None) -> None:
    """Set the id under which this run is recorded, so that generations and the hosts' own trails get the same id."""
    _recorded.clear()
    if audit_id:
        _recorded["audit_id"] = audit_id


def set_refusal(error: VsaError | None) -> None:
    """Set why this run was refused before any host was asked, so that its record says so; None for a new run."""
    _refused[:] = [error] if error else []


def refusal() -> VsaError | None:
    """Return why this run was refused before any host was asked, or None."""
    return _refused[0] if _refused else None


def run_options(arguments: Mapping[str, Any], task_vars: Mapping[str, Any], *, verb: str) -> dict[str, Any]:
    """Return the options audit_id, actor and verb.

    The id is the recorded one; if the run is not recorded, the id that the task or the run's variables name, or else a
    new one. ``verb`` is the default if the task names none. Prints a warning if nothing records the run.
    """
    recorded = _recorded.get("audit_id")
    if recorded is None:
        Display().warning(
            "this run leaves no audit record: the callback flowbiz.vsa.audit is not enabled "
            "(ansible.cfg: [defaults] callbacks_enabled = flowbiz.vsa.audit)"
        )
    return {
        "audit_id": recorded or arguments.get("audit_id") or task_vars.get("vsa_audit_id") or new_audit_id(),
        "actor": arguments.get("actor") or task_vars.get("vsa_actor") or current_actor(os.environ).as_option(),
        "verb": arguments.get("verb") or verb,
    }
