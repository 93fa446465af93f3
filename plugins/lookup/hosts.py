# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup ``hosts``: the hosts of a verb's play, after a check of the inventory and of what was typed."""

from __future__ import annotations

DOCUMENTATION = r"""
name: hosts
short_description: The hosts of a verb, after a check of what was typed
version_added: 0.1.0
description:
  - The play of each verb gets its hosts from here. So the check costs no play, and Ansible stops before it asks a host.
  - An inventory without hosts is refused. Ansible itself would end with success.
  - Extra variables are refused if nobody reads them, because Ansible would ignore a mistyped name. Variables of the
    inventory are not judged.
  - A verb that removes something asks for C(-e yes=true), unless the run is a check.
  - A verb that runs C(community.docker) is refused if this collection is missing. Ansible itself would find out in the
    middle of the verb.
options:
  _terms:
    description: The verb, e.g. C(site.list).
    required: true
author:
  - flowbiz (@flowbiz)
"""

EXAMPLES = r"""
- name: Read the sites of the hosts
  hosts: "{{ lookup('flowbiz.vsa.hosts', 'site.list') }}"
"""

RETURN = r"""
_raw:
  description: The pattern of all hosts. The inventory and C(--limit) say which hosts there are.
  type: list
  elements: str
"""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.extra_vars import judge_extra_vars
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.attribution import set_refusal
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._payload.kept import keep_payloads

_DOCKER = "community.docker"
_ROLES = Path(__file__).parents[2] / "roles"
# Nothing runs with these options, so nothing is to be refused.
_NOTHING_RUNS = ("syntax", "listhosts", "listtasks", "listtags")


class LookupModule(LookupBase):
    """Returns the pattern of all hosts, or ends the run."""

    def run(self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the pattern of all hosts. AnsibleError if the inventory or the extra variables are refused."""
        del kwargs
        known = variables or {}
        if any(context.CLIARGS.get(option) for option in _NOTHING_RUNS):
            return ["all"]
        try:
            if not (known.get("groups") or {}).get("all"):
                raise UsageError("the inventory has no hosts", expected="a host in the inventory (-i)")
            typed = load_extra_vars(self._loader)
            judge_extra_vars(typed, verb=terms[0], defined=known, check=bool(context.CLIARGS.get("check")))
            _require_collections(terms[0])
        except UsageError as error:
            set_refusal(error)
            expected = f"; expected: {error.expected}" if error.expected else ""
            more = "".join(f"; {line}" for line in error.details)
            raise AnsibleError(f"{error.message}{more}{expected}; {error.state}") from None
        keep_payloads(os.environ, noun=terms[0].partition(".")[0])
        return ["all"]


def _require_collections(verb: str) -> None:
    """UsageError if the role of a verb needs a collection that is missing on the controller."""
    noun, _dot, name = verb.partition(".")
    # A verb of a stack that only reads has no task in the role.
    runs_compose = noun == "stack" and (_ROLES / f"stack/tasks/{name}.yml").is_file()
    if (runs_compose or noun == "bootstrap") and not _is_installed(_DOCKER):
        raise UsageError(
            f"the collection {_DOCKER} is missing on the controller",
            expected=f"{_DOCKER} >= 5.0.6",
            details=[f"{sys.executable} -m pip install ansible brings it"],
        )


def _is_installed(collection: str) -> bool:
    try:
        return find_spec(f"ansible_collections.{collection}") is not None
    except ModuleNotFoundError:  # there is no collection of this namespace
        return False
