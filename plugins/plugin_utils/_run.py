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

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import uuid7

__all__ = ("actor", "one_host_only", "run_options")


def actor() -> str:
    """Return who runs Ansible, as user@controller; behind sudo the one who called it."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def run_options(arguments: Mapping[str, Any], task_vars: Mapping[str, Any], *, verb: str) -> dict[str, Any]:
    """Return audit_id, actor and verb: what the task says, else what the run's variables say, else made here."""
    made = uuid7(time.time_ns() // 1_000_000, randomness=os.urandom(10))
    return {
        "audit_id": arguments.get("audit_id") or task_vars.get("vsa_audit_id") or made,
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
