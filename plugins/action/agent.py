# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module agent: reads the token from a file of the controller."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.token import hub_base, node_of_token
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.base import VsaAction
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.secret_file import read_secret_file

_VERBS = {
    "registered": "agent.register",
    "started": "agent.start",
    "stopped": "agent.stop",
    "absent": "agent.unregister",
}


def read_token(path: str | None) -> str:
    """Return the token, the one line of a file. RefusedError if it is none; no error shows a part of it."""
    token = read_secret_file(path, what="token", field="token_file").decode("ascii", "replace").strip()
    node_of_token(token, field="token_file")
    return token


class ActionModule(VsaAction):
    """Runs the module of the same name, with the token if it needs one."""

    module: ClassVar[str] = "flowbiz.vsa.agent"
    verb: ClassVar[str | None] = "agent.register"

    def default_verb(self) -> str | None:
        """Return the verb for a task that names none."""
        return _VERBS.get(str(self._task.args.get("state", "registered")), self.verb)

    def arguments(self) -> dict[str, Any]:
        """Return the token and the hub's address, if the host is to be registered."""
        if self._task.args.get("state", "registered") != "registered":
            return {}
        hub = hub_base(self._task.args.get("hub_url"))
        return {"hub_url": hub, "token": read_token(self._task.args.get("token_file"))}
