#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack
short_description: Write the folder of a stack, and verify that its containers are healthy
version_added: 0.1.0
description:
  - Writes the files of a stack to its folder below C(/srv), makes its directories and missing secrets, and pulls its
    images. What the host cannot run is refused before anything is written.
  - The role C(stack) runs Compose by M(community.docker.docker_compose_v2) between O(state=present) and
    O(state=verified).
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
      - V(present) writes the folder.
      - V(verified) waits until every container is healthy, and keeps this version as the last good one.
      - V(restored) writes the files of the last good version again.
      - V(found) returns the folder of the stack and changes nothing.
      - V(stopped) reports and records that Compose removed the containers.
    type: str
    choices: [present, verified, restored, found, stopped]
    default: present
  source:
    description: The directory on the controller that contains the folder of the stack. The action plugin reads it.
    type: path
  files:
    description: The text of each file by its path in the folder. The action plugin fills it in.
    type: dict
  env:
    description: Variables to set in C(env/.env) of the stack; other variables stay as they are.
    type: dict
  proven:
    description: For O(state=verified), the sites that answered before the start and must answer after it.
    type: list
    elements: str
  started:
    description: For O(state=verified) and O(state=stopped), whether Compose changed something.
    type: bool
    default: false
  failure:
    description: For O(state=verified), why Compose failed. The module then fails and says what state the host is in.
    type: str
  restored:
    description: For O(state=verified), whether the last good version was restored.
    type: bool
    default: false
  details:
    description: For O(state=verified), further lines about the failure.
    type: list
    elements: str
attributes:
  check_mode:
    support: full
    description: Can run in check mode and return what would change.
  diff_mode:
    support: full
    description: Returns the unified diff of every file except C(env/.env), which contains secrets.
"""

EXAMPLES = r"""
- name: Write the folder of the reverse proxy
  flowbiz.vsa.stack:
    name: reverse-proxy
"""

RETURN = r"""
folder:
  description: The folder of the stack on the host.
  returned: O(state=present) and O(state=found)
  type: str
  sample: /srv/platform/reverse-proxy
before_start:
  description: The task file of the role C(stack) that must run before Compose, null if there is none.
  returned: O(state=present)
  type: str
  sample: reverse_proxy.yml
up_needed:
  description: Whether Compose must run. False if the last good version runs unchanged.
  returned: O(state=present)
  type: bool
timeout:
  description: How long the containers may take to become healthy, in seconds.
  returned: O(state=present)
  type: int
proven:
  description: The sites that answered before anything was changed.
  returned: O(state=present)
  type: list
  elements: str
sites:
  description:
    - The sites to provision after the start, with C(domain), C(container), C(port), C(profile) and C(tenant).
  returned: O(state=present)
  type: list
  elements: dict
restored:
  description: Whether the files of another version were restored.
  returned: O(state=restored)
  type: bool
steps:
  description: What was done, one entry per step, each with name, state, text and notes.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import down, finish, up
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC

SPEC = {
    **RUN_SPEC,
    "name": {"type": "str", "required": True},
    "state": {
        "type": "str",
        "choices": ["present", "verified", "restored", "found", "stopped"],
        "default": "present",
    },
    "source": {"type": "path"},
    # A module's options are written to the host's journal, and these two may contain secrets.
    "files": {"type": "dict", "no_log": True},
    "env": {"type": "dict", "no_log": True},
    "proven": {"type": "list", "elements": "str"},
    "started": {"type": "bool", "default": False},
    "failure": {"type": "str"},
    "restored": {"type": "bool", "default": False},
    "details": {"type": "list", "elements": "str"},
}


def call(params, *, check, diff) -> Result:
    name = params["name"]
    if params["state"] == "present":
        request = up.StackUpRequest(name, files=params["files"] or {}, env=params["env"] or {})
        return up.prepare(request, check=check, diff=diff)
    if params["state"] == "restored":
        return finish.restore(name)
    if params["state"] == "found":
        return down.find_folder(name)
    if params["state"] == "stopped":
        return down.report_down(down.StackDownRequest(name, removed=params["started"]), check=check)
    return finish.verify(
        finish.StackVerifyRequest(
            name,
            proven=tuple(params["proven"] or ()),
            started=params["started"],
            failure=params["failure"],
            restored=params["restored"],
            details=tuple(params["details"] or ()),
        )
    )


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    check, diff = module.check_mode, module._diff
    exit_recorded(
        module,
        lambda _run: call(module.params, check=check, diff=diff),
        verb="stack.up",
        target=module.params["name"],
    )


if __name__ == "__main__":
    main()
