#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_info
short_description: Show what the agent of a host does
version_added: 0.2.0
description:
  - Returns the hub of the agent, the last beat that the hub took, what the hub said last, the backlog of audit records,
    how far the clocks are apart, and the state of both units. Nobody is asked; these are the agent's own files.
requirements:
  - Python 3.10 or newer on the host
  - python3-idna on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
author:
  - flowbiz (@flowbiz)
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Show the agent
  flowbiz.vsa.agent_info:
"""

RETURN = r"""
agent:
  description:
    - C(state) is V(fresh), V(late), V(never), V(stopped) or V(not registered); C(problems) lists what to look at.
    - C(hub_url), C(node), C(version), C(timer), C(units), C(last_beat), C(answer), C(cursor), C(backlog),
      C(skew_seconds), C(failures) and C(wait_seconds) say more of an agent that is registered.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.listing import show_agent
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_with


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    exit_with(module, show_agent)


if __name__ == "__main__":
    main()
