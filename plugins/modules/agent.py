#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: agent
short_description: Register the agent of a host at a hub, start it, stop it, remove it
version_added: 0.2.0
description:
  - Installs two systemd units and a timer of 30 seconds. The collector reads the host and has no network. The sender
    has the token and the network, and no Docker. Nothing stays resident.
  - O(state=registered) sends one real beat before the timer is left on. If the hub refuses the beat, the host is as it
    was before.
requirements:
  - Python 3.10 or newer on the host
  - python3-cryptography on the host
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
  state:
    description:
      - V(registered) installs the agent with its hub and its token, and proves it.
      - V(started) and V(stopped) switch the timer of a registered agent. V(started) also installs the program of this
        version of the collection.
      - V(absent) removes the agent with its token. The hub keeps what it knows of the node.
    type: str
    choices: [registered, started, stopped, absent]
    default: registered
  hub_url:
    description: The address of the hub, with or without a final C(/api). Required with O(state=registered).
    type: str
  token_file:
    description: A file on the controller that contains the token, one line. Required with O(state=registered).
    type: path
  token:
    description: The token. The action plugin fills it in.
    type: str
attributes:
  check_mode:
    support: full
    description: Returns what would change. Nothing is sent to the hub.
  diff_mode:
    support: full
    description: Returns the unified diff of the units and of the hub's address, never of the token.
"""

EXAMPLES = r"""
- name: Register at the hub
  flowbiz.vsa.agent:
    hub_url: https://dashboard.example.com
    token_file: /run/user/1000/token-of-vps-01
"""

RETURN = r"""
steps:
  description: The step C(agent), with name, state, text and notes.
  returned: success
  type: list
  elements: dict
hub_url:
  description: The address of the hub.
  returned: with O(state=registered)
  type: str
node:
  description: The name that the hub has for this host.
  returned: with O(state=registered)
  type: str
answer:
  description: What the hub answered to the last beat that it took.
  returned: with O(state=registered)
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.register import RegisterRequest, register
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.switch import start, stop, unregister
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC

SWITCHES = {"started": start, "stopped": stop, "absent": unregister}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **RUN_SPEC,
            "state": {
                "type": "str",
                "choices": ["registered", "started", "stopped", "absent"],
                "default": "registered",
            },
            "hub_url": {"type": "str"},
            "token_file": {"type": "path", "no_log": False},
            "token": {"type": "str", "no_log": True},
        },
        required_if=[("state", "registered", ("hub_url", "token"))],
        supports_check_mode=True,
    )
    params = module.params

    def run(context: RunContext) -> Result:
        del context  # the agent's files do not say who installed them
        if params["state"] != "registered":
            return SWITCHES[params["state"]](check=module.check_mode)
        request = RegisterRequest(hub_url=params["hub_url"], token=params["token"])
        return register(request, check=module.check_mode)

    exit_recorded(module, run, verb="agent.register")


if __name__ == "__main__":
    main()
