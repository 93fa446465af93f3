# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verb of several tasks: a task that refuses must not deny what the tasks before it did.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    EXIT_NOT_ROLLED_BACK,
    EXIT_REFUSED,
    EXIT_ROLLED_BACK,
    EXIT_USAGE,
    NOTHING_CHANGED,
)

__all__ = ("BEFORE", "with_what_ran")

BEFORE = "vsa_before"
"""The variable of a task by which a role says in words what the run did on the host before the task."""

# These codes say that the host is as it was, which is true of the task alone.
_AS_IT_WAS = (EXIT_USAGE, EXIT_REFUSED, EXIT_ROLLED_BACK)
_THIS_TASK = "the refused step itself changed nothing"
_TRY = "the same again, after the cause is mended"


def with_what_ran(result: dict[str, Any], before: str) -> dict[str, Any]:
    """Return the result of a task that failed with the state that the whole run left the host in.

    ``before`` is what the run did before the task, in words. If it is empty, the result stays as it is.
    """
    error = result.get("vsa_error")
    if not before or not result.get("failed") or not isinstance(error, Mapping):
        return result
    own = str(error.get("state") or NOTHING_CHANGED)
    state = f"{before}; {_THIS_TASK if own == NOTHING_CHANGED else own}"
    code = result.get("vsa_exit")
    return {
        **result,
        "vsa_exit": EXIT_NOT_ROLLED_BACK if code in _AS_IT_WAS else code,
        "vsa_error": {"try": _TRY, **error, "state": state},
    }
