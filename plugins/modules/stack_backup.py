#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_backup
short_description: Save a stack to the repository of the host, or restore it from there
version_added: 0.1.0
description:
  - Saves the databases, volumes and files of a stack by restic, which runs in a container. The repository stands in
    C(/etc/vsa/backup.yml) of the host.
  - The role C(stack) brings a restored stack up afterwards.
requirements:
  - Python 3.10 or newer on the host
  - python3-docker on the host
  - python3-idna on the host
  - python3-requests on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.run
options:
  name:
    description: The name of the stack.
    type: str
    required: true
  state:
    description:
      - V(saved) makes a backup.
      - V(restored) brings files, volumes and databases back. What was there is kept beside.
    type: str
    choices: [saved, restored]
    default: saved
  tenant:
    description: The tenant of the stack. It is needed if several tenants have a stack of this name.
    type: str
  run:
    description: For O(state=restored), the run to restore. Without it, the newest complete run is restored.
    type: str
  new_name:
    description: For O(state=restored), another name for the restored stack. No site is provisioned then.
    type: str
  allow:
    description: For O(state=restored), names of findings of the policy that the operator allows for this stack.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Can run in check mode and return what would change.
  diff_mode:
    support: none
    description: Returns no diff.
"""

EXAMPLES = r"""
- name: Save a stack
  flowbiz.vsa.stack_backup:
    name: shop
"""

RETURN = r"""
stack:
  description: The name of the stack.
  returned: success
  type: str
  sample: shop
tenant:
  description: The tenant of the stack.
  returned: success
  type: str
  sample: acme
run:
  description: The id of the run.
  returned: success
  type: str
  sample: 20261129t030000z-1f2e
restored_sites:
  description: The domains of the sites that led to the stack.
  returned: O(state=restored)
  type: list
  elements: str
kept_data:
  description: The volumes and the folder that have what was there before.
  returned: O(state=restored)
  type: list
  elements: str
steps:
  description: What was done, one entry per step, each with name, state, text and notes.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.stack_backup import act


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **RUN_SPEC,
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["saved", "restored"], "default": "saved"},
            "tenant": {"type": "str"},
            "run": {"type": "str"},
            "new_name": {"type": "str"},
            "allow": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    exit_recorded(
        module,
        lambda run: act(module.params, run=run, check=module.check_mode),
        verb="stack.backup",
        target=module.params["name"],
    )


if __name__ == "__main__":
    main()
