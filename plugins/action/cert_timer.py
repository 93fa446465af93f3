# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module cert_timer: the id under which the run is known."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._run import run_options


class ActionModule(ActionBase):
    """Hands the task on to the module of the same name."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        options = run_options(self._task.args, task_vars, verb="cert.install-cron")
        arguments = {**self._task.args, **options}
        return self._execute_module(module_name="flowbiz.vsa.cert_timer", module_args=arguments, task_vars=task_vars)
