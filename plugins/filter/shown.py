# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``shown``: the result of a verb that reads, as lines for people."""

from __future__ import annotations

DOCUMENTATION = r"""
name: shown
short_description: Show the result of a module of VSA as lines for people
version_added: 0.1.0
description:
  - The playbooks of verbs that read end with these lines, because Ansible prints no result without C(-v).
positional: verb
options:
  _input:
    description: The registered result of an C(_info) module.
    type: dict
    required: true
  verb:
    description: The verb whose words and columns are used, e.g. C(site.list).
    type: str
    required: true
author:
  - flowbiz (@flowbiz)
"""

EXAMPLES = r"""
- name: Read the sites
  flowbiz.vsa.site_info:
  register: found

- name: Show the sites
  ansible.builtin.debug:
    msg: "{{ found | flowbiz.vsa.shown('site.list') }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.plain import VERBS, as_lines
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import remarks
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.words import escaped

_EXPORT = "site.export"


def shown(result: Mapping[str, Any], verb: str) -> list[str]:
    """Return the lines that show a module's result."""
    warnings = [escaped(f"! {remark}") for remark in remarks(result)]
    if verb == _EXPORT:
        return [*(f"# {line}" for line in warnings), *_declaration(result)]
    if verb not in VERBS:
        raise AnsibleFilterError(f"flowbiz.vsa.shown knows no verb {verb!r}, only {', '.join((*VERBS, _EXPORT))}")
    return [*warnings, *as_lines(result, verb=verb)]


def _declaration(result: Mapping[str, Any]) -> list[str]:
    """Return the manifests of a host as the YAML that declares them."""
    unreadable = [f"# Not exported: {site.get('domain')}" for site in result.get("unreadable") or ()]
    made = {"vsa_sites": result.get("vsa_sites") or {}}
    return [*unreadable, *yaml.safe_dump(_plain(made), sort_keys=False, allow_unicode=True).rstrip("\n").split("\n")]


def _plain(value: Any) -> Any:
    """Return a value without Ansible's own types, which a safe YAML writer refuses."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return str.__str__(value) if isinstance(value, str) else value


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"shown": shown}
