# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs that several modules share, and the way from module.params to the values of the core.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.actor import actor_from_option
from .._core.errors import UsageError
from .._core.ids import is_uuid7
from .._core.run_context import RunContext
from .._host.machine.ids import new_audit_id

__all__ = ("RUN_SPEC", "TEMPLATES_SPEC", "run_context")

# Which run this is. The action plugins fill these in.
RUN_SPEC: dict[str, dict[str, Any]] = {
    "audit_id": {"type": "str"},
    "actor": {
        "type": "dict",
        "options": {
            "user": {"type": "str", "required": True},
            "sudo_user": {"type": "str"},
            "controller": {"type": "str"},
        },
    },
    "verb": {"type": "str"},
}

# What renders the proxy's files. The texts are not secret, but long: without no_log each change would write all of
# them into the host's journal.
TEMPLATES_SPEC: dict[str, dict[str, Any]] = {
    "templates": {"type": "dict", "no_log": True},
    "templates_dir": {"type": "path"},
}


def run_context(params: Mapping[str, Any], *, verb: str) -> RunContext:
    """Return the attribution of this run; ``verb`` is the default if the task does not name one.

    A run that nobody gave an audit id gets a new one. UsageError if the given id is not a UUID of version 7.
    """
    audit_id = params.get("audit_id") or new_audit_id()
    if not is_uuid7(audit_id):
        raise UsageError("this is not a run's id", field="audit_id", value=audit_id, expected="a UUID of version 7")
    return RunContext(audit_id=audit_id, actor=actor_from_option(params.get("actor")), verb=params.get("verb") or verb)
