# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module hub: it makes the token of a node here, and hands over the hash alone."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.token import (
    RANDOM_BYTES,
    made_token,
    node_name,
    token_hash,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hub.operation import (
    REGISTERED,
    REMOVED,
    REVOKED,
    ROTATED,
    SHOWN,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.files import write_new
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.base import VsaAction

_VERBS = {
    REGISTERED: "vps.add",
    ROTATED: "agent.rotate",
    REVOKED: "agent.revoke",
    REMOVED: "vps.remove",
    SHOWN: "vps.list",
}


class ActionModule(VsaAction):
    """Runs the module of the same name."""

    module: ClassVar[str] = "flowbiz.vsa.hub"
    # Each state has the verb that needs it.
    verb: ClassVar[str | None] = ""

    def default_verb(self) -> str | None:
        """Return the verb for a task that names none."""
        return _VERBS.get(str(self._task.args.get("state")), _VERBS[SHOWN])

    def act(self) -> dict[str, Any]:
        """Make a token if the state needs one, and keep it only if the hub took its hash."""
        task = self._task.args
        if task.get("state") not in (REGISTERED, ROTATED):
            return self.execute()
        made = made_token(node_name(task.get("node")), randomness=secrets.token_bytes(RANDOM_BYTES))
        if self._task.check_mode:
            return self.execute(token_hash=token_hash(made))
        if not task.get("token_file"):
            raise UsageError("a file for the token is missing", field="token_file")
        place = Path(str(task["token_file"])).expanduser()
        # Before the hub changes anything: a token that cannot be kept must not be the only one.
        _write(place, made)
        result: dict[str, Any] = {"failed": True}
        try:
            result = self.execute(token_hash=token_hash(made))
        finally:
            if result.get("failed"):
                place.unlink(missing_ok=True)
        return result


def _write(place: Path, token: str) -> None:
    """Write a token into a new file that its owner alone can read. RefusedError if there is such a file."""
    try:
        write_new(place, f"{token}\n".encode(), mode=0o600)
    except OSError as error:
        raise RefusedError(
            f"the file of the token cannot be made: {error.strerror}",
            field="token_file",
            value=str(place),
            expected="a new file",
        ) from error
