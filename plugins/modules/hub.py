#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hub
short_description: Register nodes of the fleet at its hub, and replace or revoke their tokens
version_added: 0.1.0
description:
  - Runs a program in the container of the hub, which the stack C(dashboard) brought up on this host. No request over
    HTTP changes the nodes of a hub.
  - The action plugin makes the token of a node on the controller, in O(token_file). Only the hash of the token reaches
    the host, so no output of Ansible and no log has the token.
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
  state:
    description:
      - V(registered) adds a node with a token. A node that has a valid token is refused; V(rotated) gives it another
        one.
      - V(rotated) gives a node a new token. The one in use stays valid until the first beat with the new one, or for 24
        hours.
      - V(revoked) revokes all tokens of a node at once. What the hub has of the node stays.
      - V(removed) deletes a node with all that the hub has of it.
      - V(shown) returns the nodes and changes nothing.
    type: str
    choices: [registered, rotated, revoked, removed, shown]
    required: true
  node:
    description: The name of the node in the inventory. Without it, V(shown) returns all nodes.
    type: str
  hostname:
    description: For V(registered), the name by which the node is reached.
    type: str
  address:
    description: For V(registered), the node's address. No two nodes have the same one.
    type: str
  provider:
    description: For V(registered), the provider of the node.
    type: str
  token_file:
    description:
      - For V(registered) and V(rotated), the file on the controller that gets the new token. It must not exist; it is
        made with mode 0600, and is removed if the hub refuses.
    type: path
  token_hash:
    description: The SHA-256 of the token. The action plugin fills it in.
    type: str
attributes:
  check_mode:
    support: full
    description: Can run in check mode and return what would change.
  diff_mode:
    support: none
    description: A node has no text to compare.
"""

EXAMPLES = r"""
- name: Register a node at the hub
  flowbiz.vsa.hub:
    state: registered
    node: vps-01
    hostname: vps-01.example.com
    address: 203.0.113.7
    provider: infomaniak
    token_file: /run/user/1000/vps-01.token
"""

RETURN = r"""
nodes:
  description: The nodes, each with its description, how fresh it is, and the state of its tokens.
  returned: O(state=shown)
  type: list
  elements: dict
removed:
  description: How many rows of each kind were deleted.
  returned: O(state=removed)
  type: dict
steps:
  description: The step C(hub) with name, state, text and notes.
  returned: success
  type: list
  elements: dict
audit_id:
  description: The id of the run.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hub.operation import STATES, NodeRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.hub.node import change_node
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC

_FIELDS = ("state", "node", "hostname", "address", "provider", "token_hash")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **RUN_SPEC,
            "state": {"type": "str", "choices": list(STATES), "required": True},
            "node": {"type": "str"},
            "hostname": {"type": "str"},
            "address": {"type": "str"},
            "provider": {"type": "str"},
            "token_file": {"type": "path", "no_log": False},
            "token_hash": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    request = NodeRequest(**{name: module.params[name] for name in _FIELDS})

    def call(_context: RunContext) -> Result:
        return change_node(request, check=module.check_mode)

    exit_recorded(module, call, verb="vps.list", target=request.node)


if __name__ == "__main__":
    main()
