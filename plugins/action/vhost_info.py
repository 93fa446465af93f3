# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module vhost_info: for one site, the templates by which its text is explained."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._templates import read_templates


class ActionModule(ActionBase):
    """Hands the task on to the module of the same name."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, or the refusal."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if arguments.get("domain") is not None:
            try:
                arguments["templates"] = read_templates(arguments.get("templates_dir"))
            except VsaError as error:
                return {"failed": True, "changed": False, **error.as_result()}
        return self._execute_module(module_name="flowbiz.vsa.vhost_info", module_args=arguments, task_vars=task_vars)
