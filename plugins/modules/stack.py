#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack
short_description: Make a stack's folder ready, and see that its containers are well
version_added: 0.1.0
description:
  - Writes the files of a stack to its folder below C(/srv), makes its directories and missing secrets, and brings its
    images. An image of NGINX that does not take the live generation is refused before anything is written.
  - Compose itself is run by M(community.docker.docker_compose_v2) between O(state=present) and O(state=verified); the
    role C(stack) brings them together.
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.run
options:
  name:
    description: The stack's name.
    type: str
    required: true
  state:
    description:
      - V(present) makes the folder ready, V(verified) sees every container healthy and keeps this version as the one to
        return to, V(restored) puts the files of that version back, V(found) only says where the stack is, V(stopped)
        says and records that its containers were removed.
    type: str
    choices: [present, verified, restored, found, stopped]
    default: present
  source:
    description: The directory on the controller that has the stack's folder. The action plugin reads it.
    type: path
  files:
    description: The text of each file by its path in the folder. The action plugin fills it in.
    type: dict
  env:
    description: Variables to set in the stack's C(env/.env); others stay as they are.
    type: dict
  proven:
    description: For O(state=verified), sites that answered before and have to answer now.
    type: list
    elements: str
  started:
    description: For O(state=verified) and O(state=stopped), whether Compose changed something.
    type: bool
    default: false
  failure:
    description: For O(state=verified), why Compose failed; the module then says what state the host is in.
    type: str
  restored:
    description: For O(state=verified), whether the version of before was restored.
    type: bool
    default: false
  details:
    description: For O(state=verified), further words on the failure.
    type: list
    elements: str
attributes:
  check_mode:
    support: full
    description: Can run in check mode and return what would change.
  diff_mode:
    support: full
    description: Returns the unified diff of every file but C(env/.env), which has secrets.
"""

EXAMPLES = r"""
- name: Make the folder of the reverse proxy ready
  flowbiz.vsa.stack:
    name: reverse-proxy
"""

RETURN = r"""
folder:
  description: The stack's folder on the host.
  returned: success
  type: str
  sample: /srv/platform/reverse-proxy
folder_exists:
  description: Whether it exists, which in check mode it may not.
  returned: O(state=present)
  type: bool
up_needed:
  description: Whether Compose has to run. It has not where all is as it was last seen well.
  returned: O(state=present)
  type: bool
proxy:
  description: Whether the stack is the reverse proxy.
  returned: O(state=present)
  type: bool
timeout:
  description: How long its containers may take to become healthy, in seconds.
  returned: O(state=present)
  type: int
proven:
  description: The sites that answered before anything was changed.
  returned: O(state=present)
  type: list
  elements: str
sites:
  description: The sites that come with the stack, with C(domain), C(container), C(port) and C(profile).
  returned: O(state=present)
  type: list
  elements: dict
restored:
  description: Whether files of another version were restored.
  returned: O(state=restored)
  type: bool
steps:
  description: What was done, one entry per step, each with name, state, text and notes.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.audited import audited
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.module import run
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **RUN_SPEC,
            "name": {"type": "str", "required": True},
            "state": {
                "type": "str",
                "choices": ["present", "verified", "restored", "found", "stopped"],
                "default": "present",
            },
            "source": {"type": "path"},
            # A module's options stand in the host's journal; these two may hold secrets.
            "files": {"type": "dict", "no_log": True},
            "env": {"type": "dict", "no_log": True},
            "proven": {"type": "list", "elements": "str"},
            "started": {"type": "bool", "default": False},
            "failure": {"type": "str"},
            "restored": {"type": "bool", "default": False},
            "details": {"type": "list", "elements": "str"},
        },
        supports_check_mode=True,
    )
    try:
        check, diff = module.check_mode, module._diff
        result = audited(lambda: run(module.params, check=check, diff=diff), module.params, module="stack", check=check)
        module.exit_json(**result)
    except VsaError as error:
        module.fail_json(**error.as_result())


if __name__ == "__main__":
    main()
