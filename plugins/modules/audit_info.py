#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_info
short_description: Read a host's own audit trail
version_added: 0.1.0
description:
  - Lists the runs that changed a host, whichever controller they came from, or returns the records of one run.
  - The order is that in which the records were written, whatever the clocks said.
requirements:
  - Python 3.10 or newer on the host
  - python3-idna on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
author:
  - flowbiz (@flowbiz)
options:
  run:
    description: The id of a run, or its first four characters or more. Returns the records of this run.
    type: str
  since:
    description: Only runs since this time, as in V(2h), V(3d), V(2026-11-24) or V(2026-11-24T10:00:00Z).
    type: str
  verb:
    description: Only runs of this verb, or of all verbs of a noun.
    type: str
  target:
    description: Only runs that acted on this stack, or changed this site.
    type: str
  status:
    description: Only runs with one of these results, as in V(changed) or V(failed).
    type: list
    elements: str
  changes:
    description: Whether to leave out what changed nothing.
    type: bool
    default: false
  last:
    description: At most so many runs, the last ones; 1 to 1000.
    type: int
    default: 50
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Show who changed a site since yesterday
  flowbiz.vsa.audit_info:
    target: shop.example.com
    since: 1d
"""

RETURN = r"""
runs:
  description: One entry per run, the last one last. At most a hundred sites are named per run.
  returned: success, without O(run)
  type: list
  elements: dict
  contains:
    id:
      description: The id of the run.
      type: str
    time:
      description: When the run's first record was written, by the host's clock.
      type: str
    apart:
      description: Whether the time cannot be right, because a clock was wrong.
      type: bool
    verb:
      description: The verb.
      type: str
    target:
      description: The domain or the stack that the run acted on, null if it named none.
      type: str
    sites:
      description: The sites that the run changed.
      type: list
      elements: str
    status:
      description: How the run ended.
      type: str
    changed:
      description: Whether the run changed something.
      type: bool
    check:
      description: Whether the run only checked.
      type: bool
    actor:
      description: Who started the run, and the controller.
      type: str
    hosts:
      description: The name of the host.
      type: list
      elements: str
    duration:
      description: Seconds from the start to the end.
      type: float
    error:
      description: The error, null if there was none.
      type: str
earlier:
  description: Whether there are earlier runs.
  returned: success, without O(run)
  type: bool
records:
  description: The records of the run, with the sites that it changed and their diffs.
  returned: success, with O(run)
  type: list
  elements: dict
left_out:
  description: The number of records of this run that do not fit into the result.
  returned: success, with O(run)
  type: int
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_with


def call(params: dict[str, Any]) -> Result:
    # Imported here: SQLite takes its time, and wrong options do not need it.
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.listing import (
        RunsRequest,
        list_runs,
        show_run,
    )

    if params["run"] is not None:
        return show_run(params["run"])
    asked = {name: params[name] for name in ("since", "verb", "target", "changes", "last")}
    return list_runs(RunsRequest(**asked, status=tuple(params["status"] or ())))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "run": {"type": "str"},
            "since": {"type": "str"},
            "verb": {"type": "str"},
            "target": {"type": "str"},
            "status": {"type": "list", "elements": "str"},
            "changes": {"type": "bool", "default": False},
            "last": {"type": "int", "default": 50},
        },
        supports_check_mode=True,
    )
    exit_with(module, lambda: call(module.params))


if __name__ == "__main__":
    main()
