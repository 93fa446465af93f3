# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of a module that changes a site: the one-host rule, and the id under which the run is known.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.plugins.action import ActionBase
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._run import one_host_only, run_options

__all__ = ("OneHostAction",)


class OneHostAction(ActionBase):
    """Hands the task on to ``module``; ``verb`` is what the run is called where the task does not say."""

    module: ClassVar[str]
    verb: ClassVar[str]

    def arguments(self) -> dict[str, Any]:
        """Return the options that the module gets, apart from those that name the run."""
        return dict(self._task.args)

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, or the refusal."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        try:
            one_host_only(task_vars)
            own = self.arguments()
        except VsaError as error:
            return {"failed": True, "changed": False, **error.as_result()}
        arguments = {**own, **run_options(own, task_vars, verb=self.verb)}
        return self._execute_module(module_name=self.module, module_args=arguments, task_vars=task_vars)
