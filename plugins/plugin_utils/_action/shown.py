# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the result of a verb that reads, as lines for people: Ansible prints no result without ``-v``.

The playbook of such a verb names the verb in the variable ``vsa_shows``, and the action plugin of its module prints the
lines. A second task that prints them would cost a tenth of the run.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.utils.display import Display
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.door import came_by_command
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import remarks
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.words import escaped

__all__ = ("result_lines", "show_result")

_EXPORT = "site.export"
# A part of the names of the callbacks whose output is JSON. They print the whole result themselves.
_FOR_PROGRAMS = "json"


def show_result(result: Mapping[str, Any], task_vars: Mapping[str, Any]) -> bool:
    """Print the result of a verb that reads. Returns False if this run shows no result, or the command does.

    A result that failed is left to Ansible.
    """
    verb = task_vars.get("vsa_shows")
    if verb is None or came_by_command(task_vars):
        return False
    if result.get("failed") or result.get("skipped") or _FOR_PROGRAMS in constants.DEFAULT_STDOUT_CALLBACK:
        return True
    lines = [f"[{task_vars.get('inventory_hostname')}]", *result_lines(result, str(verb))]
    Display().display("\n".join(lines))
    return True


def result_lines(result: Mapping[str, Any], verb: str) -> list[str]:
    """Return the lines that show a module's result. No line holds a character that acts on a terminal."""
    # Imported here: by the command's door nobody needs it.
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.plain import VERBS, as_lines

    warnings = [escaped(f"! {remark}") for remark in remarks(result)]
    if verb == _EXPORT:
        return [*(f"# {line}" for line in warnings), *_declaration(result)]
    if verb not in VERBS:
        raise AnsibleError(f"vsa_shows names no verb: {verb!r}, only {', '.join((*VERBS, _EXPORT))}")
    return [*warnings, *as_lines(result, verb=verb)]


def _declaration(result: Mapping[str, Any]) -> list[str]:
    """Return the manifests of a host as the YAML that declares them."""
    import yaml

    unreadable = [f"# Not exported: {site.get('domain')}" for site in result.get("unreadable") or ()]
    made = {"vsa_sites": result.get("vsa_sites") or {}}
    text = yaml.safe_dump(_plain(made), sort_keys=False, allow_unicode=True)
    return [escaped(line) for line in (*unreadable, *text.rstrip("\n").split("\n"))]


def _plain(value: Any) -> Any:
    """Return a value without Ansible's own types, which a safe YAML writer refuses."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return str.__str__(value) if isinstance(value, str) else value
