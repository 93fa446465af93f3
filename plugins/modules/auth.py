#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: auth
short_description: Add and remove users of a site's basic auth
version_added: 0.1.0
description:
  - Writes the password files of a site. If a path is not protected yet, the module puts the path behind basic auth in
    one transaction of the proxy. A further user of a protected path needs no transaction.
  - The action plugin reads, compares and hashes (bcrypt) the password on the controller; only the hash reaches the
    host. If the user has this password already, nothing changes.
requirements:
  - Python 3.10 or newer on the host
  - python3-cryptography on the host
  - python3-docker on the host
  - python3-idna on the host
  - python3-jinja2 on the host
  - python3-requests on the host
  - python3-ruamel.yaml on the host
  - python3-yaml on the host
  - bcrypt>=4.2 on the controller
  - idna>=3.7 on the controller
  - libpass>=1.9 on the controller
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.run
  - flowbiz.vsa.templates
options:
  domain:
    description: The domain of the site.
    type: raw
    required: true
  state:
    description:
      - V(present) lets O(user) pass at O(route).
      - V(absent) removes O(user). Without O(user), it opens the paths to everybody and removes all of their users.
    type: str
    choices: [present, absent]
    default: present
  user:
    description: The user to add or to remove. Required with O(state=present).
    type: raw
  route:
    description:
      - The protected path; C(/admin/) covers C(/admin) too. The default is V(/) with O(state=present), and every
        protected path of the site with O(state=absent).
    type: raw
  password_file:
    description: A file on the controller that contains the password, one line of at most 72 bytes.
    type: path
  hash:
    description: The bcrypt hash. The action plugin fills it in.
    type: str
  replaces:
    description: The hash that O(hash) replaces. The action plugin fills it in.
    type: str
attributes:
  check_mode:
    support: full
    description: Can run in check mode and return what would change.
  diff_mode:
    support: partial
    description: Returns the unified diff of the proxy's files, never of a password file.
"""

EXAMPLES = r"""
- name: Let alice see the admin pages
  flowbiz.vsa.auth:
    domain: shop.example.com
    user: alice
    route: /admin/
    password_file: /run/user/1000/alice
"""

RETURN = r"""
steps:
  description:
    - The step C(users), and the step C(proxy) if the proxy was changed, each with name, state, text and notes.
  returned: success
  type: list
  elements: dict
generation:
  description: The generation that is live now.
  returned: if the proxy was changed
  type: int
audit_id:
  description: The id of the run.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.auth.users import UserRequest, add_user, remove_user
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC, TEMPLATES_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **RUN_SPEC,
            **TEMPLATES_SPEC,
            "domain": {"type": "raw", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "user": {"type": "raw"},
            "route": {"type": "raw"},
            "password_file": {"type": "path", "no_log": False},
            "hash": {"type": "str", "no_log": True},
            "replaces": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    change = add_user if params["state"] == "present" else remove_user

    def call(context: RunContext) -> Result:
        request = UserRequest(
            run=context,
            domain=params["domain"],
            user=params["user"],
            route=params["route"],
            hashed=params["hash"],
            replaces=params["replaces"],
            templates=params["templates"] or {},
        )
        return change(request, check=module.check_mode, diff=module._diff)

    exit_recorded(module, call, verb="auth.add", target=params["domain"])


if __name__ == "__main__":
    main()
