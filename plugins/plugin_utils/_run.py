# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every action plugin adds to its module's options: who runs, under which id; and the one-host rule.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Mapping
from typing import Any

from ansible.utils.display import Display
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import uuid7

__all__ = ("actor", "one_host_only", "run_options", "set_audit_id")

# Set by the audit callback in Ansible's main process; the processes that run action plugins are forked from it.
_recorded: dict[str, str] = {}


def set_audit_id(audit_id: str | None) -> None:
    """Say under which id this run is recorded: generations and the hosts' own trails carry the same one."""
    _recorded.clear()
    if audit_id:
        _recorded["audit_id"] = audit_id


def actor() -> str:
    """Return who runs Ansible, as user@controller; behind sudo the one who called it."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def run_options(arguments: Mapping[str, Any], task_vars: Mapping[str, Any], *, verb: str) -> dict[str, Any]:
    """Return audit_id, actor and verb: the recorded id, else what the task or the run's variables say, or made here.

    Warns where nothing records the run.
    """
    recorded = _recorded.get("audit_id")
    if recorded is None:
        Display().warning(
            "this run leaves no audit record: the callback flowbiz.vsa.audit is not enabled "
            "(ansible.cfg: [defaults] callbacks_enabled = flowbiz.vsa.audit)"
        )
    made = uuid7(time.time_ns() // 1_000_000, randomness=os.urandom(10))
    return {
        "audit_id": recorded or arguments.get("audit_id") or task_vars.get("vsa_audit_id") or made,
        "actor": arguments.get("actor") or task_vars.get("vsa_actor") or actor(),
        "verb": arguments.get("verb") or verb,
    }


def one_host_only(task_vars: Mapping[str, Any]) -> None:
    """Raise UsageError where the play has several hosts: a site lives on exactly one."""
    hosts = list(task_vars.get("ansible_play_hosts_all") or ())
    if len(hosts) > 1:
        raise UsageError(
            "this verb acts on exactly one host",
            field="limit",
            value=", ".join(hosts[:5]),
            expected="one host",
            there_are=hosts[:50],
            hint=f"--limit {hosts[0]}",
        )
