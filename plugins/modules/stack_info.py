#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_info
short_description: Show the stacks of a host, their containers and the logs of the containers
version_added: 0.1.0
description:
  - Reads the folders below C(/srv) and asks the Docker engine, all in one call.
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
    description: The one stack to return. Without it, all stacks are returned.
    type: str
  tenant:
    description: Return only the stacks of this tenant. It is needed if several tenants have a stack O(name).
    type: str
  tail:
    description: How many of the last log lines of each container to return.
    type: int
    default: 0
  service:
    description: Return only the log lines of this service.
    type: str
  since:
    description: Return only log lines since this time, such as V(2h), V(2026-11-24) or a time in RFC 3339.
    type: str
  follow:
    description:
      - Follow the logs of the stack O(name). The module waits at most so many seconds for a new line, and returns the
        new lines with a C(cursor). It returns no C(stacks) then.
      - Without O(cursor) it returns the last O(tail) lines at once.
    type: int
    default: 0
  cursor:
    description: With O(follow), the C(cursor) that the call before returned.
    type: str
    default: ""
  usage:
    description: Whether to ask the engine for the memory of each container.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: List the stacks
  flowbiz.vsa.stack_info:

- name: Show the last log lines of the reverse proxy
  flowbiz.vsa.stack_info:
    name: reverse-proxy
    tail: 100
"""

RETURN = r"""
stacks:
  description:
    - One entry per stack, by name, with C(name), C(state) (V(healthy), V(starting), V(unhealthy) or V(down)),
      C(problem), C(tenant), C(project), C(description), C(folder), C(source), C(proxy) and C(containers), each with
      C(name), C(service), C(state), C(health), C(image), C(started_at), C(restarts) and, with O(usage), C(memory) in
      bytes.
  returned: success
  type: list
  elements: dict
logs:
  description: One entry per container, with C(container), C(service) and C(lines).
  returned: if O(tail) is not 0
  type: list
  elements: dict
cursor:
  description: Where the next call goes on.
  returned: with O(follow)
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_with
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.stack_info import read_stacks


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str"},
            "tenant": {"type": "str"},
            "tail": {"type": "int", "default": 0},
            "service": {"type": "str"},
            "since": {"type": "str"},
            "usage": {"type": "bool", "default": False},
            "follow": {"type": "int", "default": 0},
            "cursor": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    exit_with(module, lambda: read_stacks(module.params))


if __name__ == "__main__":
    main()
