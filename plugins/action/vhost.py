# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module vhost: it adds the templates of the role vhost."""

from __future__ import annotations

from typing import ClassVar

from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.base import VsaAction


class ActionModule(VsaAction):
    """Runs the module of the same name."""

    module: ClassVar[str] = "flowbiz.vsa.vhost"
    verb: ClassVar[str | None] = "vhost.sync"
    templates: ClassVar[bool] = True

    def needs_one_host(self) -> bool:
        """Say whether the task changes one site."""
        return self._task.args.get("domain") is not None
