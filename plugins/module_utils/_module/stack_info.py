# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module stack_info as the request of its verb.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.errors import RefusedError
from .._core.result import Result
from .._host.stack.listing import StackListRequest, list_stacks

__all__ = ("read_stacks",)


def read_stacks(params: Mapping[str, Any]) -> Result:
    """Return the stacks of the host, or a slice of the logs of one of them."""
    options = dict(params)
    seconds, cursor = options.pop("follow"), options.pop("cursor")
    if not seconds:
        return list_stacks(StackListRequest(**options))
    if not params["name"]:
        raise RefusedError("a log is followed of one stack", field="name", value="(not given)", expected="a stack")
    # Imported here: only one verb follows.
    from .._host.stack.follow import StackFollowRequest, follow_logs

    wanted = {key: params[key] for key in ("name", "tenant", "service", "tail", "since")}
    return follow_logs(StackFollowRequest(**wanted, seconds=seconds, cursor=cursor))
