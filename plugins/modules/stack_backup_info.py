#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_backup_info
short_description: List the backups of stacks in the repository of a host
version_added: 0.1.0
description:
  - Asks the repository in C(/etc/vsa/backup.yml) of the host for its runs, also for those of other hosts.
requirements:
  - Python 3.10 or newer on the host
  - python3-docker on the host
  - python3-idna on the host
  - python3-requests on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
author:
  - flowbiz (@flowbiz)
options:
  name:
    description: Return only the runs of this stack.
    type: str
  tenant:
    description: Return only the runs of stacks of this tenant.
    type: str
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: List the backups of a stack
  flowbiz.vsa.stack_backup_info:
    name: shop
"""

RETURN = r"""
backups:
  description:
    - One entry per run, newest first, with C(run), C(tenant), C(stack), C(host), C(time), C(age) in seconds,
      C(complete), C(databases) and C(size) in bytes. A run that is not complete cannot be restored.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.listing import (
    BackupListRequest,
    list_backups,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_with


def main() -> None:
    module = AnsibleModule(
        argument_spec={"name": {"type": "str"}, "tenant": {"type": "str"}},
        supports_check_mode=True,
    )
    exit_with(module, lambda: list_backups(BackupListRequest(**module.params)))


if __name__ == "__main__":
    main()
