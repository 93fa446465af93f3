# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base class of the collection's action plugins: the controller's half of a module.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.plugins.action import ActionBase
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.door import came_by_command
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import UsageError, VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import parse_hint, undo_keys
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import remarks
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.placement import Place, choose_host

from .attribution import run_options
from .before import BEFORE, with_what_ran
from .shown import show_result
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
            elsewhere = self._elsewhere() if self.needs_one_host() else None
            result = elsewhere or self.act()
        except MissingLibraryError as error:
            return self._failed(error.on_controller(sys.executable))
        except VsaError as error:
            return self._failed(error)
        result = with_what_ran(result, self._before())
        # What is shown names the remarks too.
        return result if show_result(result, self._vars) else _with_warnings(result, self._vars)

    def _failed(self, error: VsaError) -> dict[str, Any]:
        """Return a refusal of the controller's half as a result."""
        return with_what_ran({"failed": True, "changed": False, **error.as_result()}, self._before())

    def _before(self) -> str:
        """Return what the run did on this host before this task, in words; empty if the role says nothing.

        A check has done nothing.
        """
        said = None if getattr(self._task, "check_mode", False) else self._vars.get(BEFORE)
        return str(self._templar.template(said)).strip() if said else ""

    def act(self) -> dict[str, Any]:
        """Do what the task wants: one call of the module. A plugin that needs more than one call overrides this."""
        return self.execute()

    def arguments(self) -> dict[str, Any]:
        """Return the options that the plugin adds to those of the task, or sets in their place."""
        return {}

    def default_verb(self) -> str | None:
        """Return the verb for a task that names none."""
        return self.verb

    def needs_one_host(self) -> bool:
        """Say whether this task acts on exactly one host of the play."""
        return self.one_host

    def makes_sites(self) -> bool:
        """Say whether this task may make a site that no host has."""
        return False

    def needs_templates(self) -> bool:
        """Say whether this task's module renders the proxy's files."""
        return self.templates

    def _elsewhere(self) -> dict[str, Any] | None:
        """Return the result of a host that does not have the domain, None if this host is the one to act on.

        If no host can be chosen, the first host of the play says why. The wrapper reads this as the error of the run.
        """
        hosts = list(self._vars.get("ansible_play_hosts_all") or ())
        if len(hosts) < 2:
            return None
        here = self._vars.get("inventory_hostname")
        places = _places(self._vars, hosts)
        if places is None:
            raise _several_hosts(hosts)
        try:
            chosen = choose_host(str(self._task.args.get("domain")), places, makes=self.makes_sites())
        except VsaError as error:
            if here != next(iter(self._vars.get("ansible_play_hosts") or hosts)):
                return _passed_over("no host was chosen")
            return {"failed": True, "changed": False, "vsa_of_run": True, **error.as_result()}
        return None if chosen == here else _passed_over(f"the domain is on {chosen}")

    def execute(self, **more: Any) -> dict[str, Any]:
        """Call the module once; ``more`` are further options for this call."""
        options = {**self._task.args, **self.arguments(), **more}
        verb = self.default_verb()
        if verb is not None:
            options |= run_options(self._task.args, self._vars, verb=verb)
        if self.needs_templates():
            options["templates"] = read_templates(self._task.args.get("templates_dir"))
        result = self._execute_module(module_name=self.module, module_args=options, task_vars=self._vars)
        return _with_host_of_undo(dict(result), self._vars)


def _with_host_of_undo(result: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result whose undo names this host: only the controller knows the host's name in the inventory."""
    undo, host = parse_hint(result.get("undo_hint")), task_vars.get("inventory_hostname")
    if undo is None or not host:
        return result
    return {**result, **undo_keys(dataclasses.replace(undo, fields={**undo.fields, "limit": host}))}


def _with_warnings(result: dict[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result whose warnings hold what the steps remark: Ansible's own door shows no steps without ``-v``.

    The command shows the steps themselves, so its runs get no further warnings.
    """
    if came_by_command(task_vars):
        return result
    found = remarks(result)
    return {**result, "warnings": [*(result.get("warnings") or ()), *found]} if found else result


def _passed_over(reason: str) -> dict[str, Any]:
    return {"skipped": True, "changed": False, "skip_reason": reason}


def _places(task_vars: Mapping[str, Any], hosts: list[str]) -> dict[str, Place | None] | None:
    """Return what each host said about the domain, None if the play did not ask.

    A playbook asks by a task that registers ``vsa_found``. A host that was lost before has no such variable.
    """
    known = task_vars.get("hostvars") or {}
    # A HostVars of Ansible: its method get() takes no default.
    answers = {host: known[host].get("vsa_found") for host in hosts if host in known}
    if not any(isinstance(answer, Mapping) for answer in answers.values()):
        return None
    return {
        host: Place.from_mapping(answer.get("place")) if isinstance(answer := answers.get(host), Mapping) else None
        for host in hosts
    }


def _several_hosts(hosts: list[str]) -> UsageError:
    """Return the error for a play of several hosts that did not ask which of them has the domain."""
    return UsageError(
        "this verb acts on exactly one host",
        field="limit",
        value=", ".join(hosts[:5]),
        expected="one host",
        there_are=hosts[:50],
        hint=f"the same with --limit {hosts[0]}",
    )
