# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base class of the collection's action plugins: the controller's half of a module.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.plugins.action import ActionBase
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import UsageError, VsaError

from .attribution import run_options
from .templates import read_templates

__all__ = ("VsaAction",)


class VsaAction(ActionBase):
    """Runs ``module`` with the task's options and what the controller adds to them.

    A plugin says by class attributes what it needs; it overrides a method only if the answer depends on the task.
    """

    module: ClassVar[str]
    """The module's full name."""
    verb: ClassVar[str | None] = None
    """The verb that a run is recorded under if the task names none. None: the module has no options about the run."""
    one_host: ClassVar[bool] = False
    """Whether the verb refuses a play with several hosts."""
    templates: ClassVar[bool] = False
    """Whether the module renders the proxy's files and gets the texts of all templates."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, or the refusal as a failed result."""
        super().run(tmp, task_vars)
        self._vars = task_vars or {}
        try:
            if self.one_host:
                _refuse_several_hosts(self._vars)
            return self.act()
        except VsaError as error:
            return {"failed": True, "changed": False, **error.as_result()}

    def act(self) -> dict[str, Any]:
        """Do what the task wants: one call of the module. A plugin that needs more than one call overrides this."""
        return self.execute()

    def arguments(self) -> dict[str, Any]:
        """Return the options that the plugin adds to those of the task, or sets in their place."""
        return {}

    def default_verb(self) -> str | None:
        """Return the verb for a task that names none."""
        return self.verb

    def needs_templates(self) -> bool:
        """Say whether this task's module renders the proxy's files."""
        return self.templates

    def execute(self, **more: Any) -> dict[str, Any]:
        """Call the module once; ``more`` are further options for this call."""
        options = {**self._task.args, **self.arguments(), **more}
        verb = self.default_verb()
        if verb is not None:
            options |= run_options(self._task.args, self._vars, verb=verb)
        if self.needs_templates():
            options["templates"] = read_templates(self._task.args.get("templates_dir"))
        return dict(self._execute_module(module_name=self.module, module_args=options, task_vars=self._vars))


def _refuse_several_hosts(task_vars: Mapping[str, Any]) -> None:
    """Raise UsageError if the play has several hosts: a site lives on exactly one."""
    hosts = list(task_vars.get("ansible_play_hosts_all") or ())
    if len(hosts) > 1:
        raise UsageError(
            "this verb acts on exactly one host",
            field="limit",
            value=", ".join(hosts[:5]),
            expected="one host",
            there_are=hosts[:50],
            hint=f"--limit {hosts[0]}",
        )
