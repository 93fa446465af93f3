# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module cert."""

from __future__ import annotations

from typing import ClassVar

from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.base import VsaAction


class ActionModule(VsaAction):
    """Runs the module of the same name on exactly one host, unless it renews what is due."""

    module: ClassVar[str] = "flowbiz.vsa.cert"
    verb: ClassVar[str | None] = "cert.issue"
    one_host: ClassVar[bool] = True

    def needs_one_host(self) -> bool:
        """Say whether the task is about one certificate. A renewal without a domain renews what is due on each host."""
        args = self._task.args
        return args.get("action", "issue") != "renew" or args.get("domain") is not None
