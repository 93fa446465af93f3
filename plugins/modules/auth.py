#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: auth
short_description: Let users of a site's basic auth in, or no longer
version_added: 0.1.0
description:
  - Keeps the password files of a site, written whole, and puts its paths behind basic auth in one transaction of the
    proxy, or opens them again. A further user needs no transaction.
  - The password is read, compared and hashed (bcrypt) on the controller by the action plugin; only the hash reaches the
    host. Where the password is the one that the user has, nothing changes.
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.run
  - flowbiz.vsa.templates
options:
  domain:
    description: The site's own name.
    type: raw
    required: true
  state:
    description: With V(absent) and no O(user) the paths are opened to everybody.
    type: str
    choices: [present, absent]
    default: present
  user:
    description: Whom it is about; required with O(state=present).
    type: raw
  route:
    description:
      - The path below which a password is asked for; C(/admin/) covers C(/admin) too. Left out, V(/) with
        O(state=present), every protected path with O(state=absent).
    type: raw
  password_file:
    description: A file on the controller whose one line is the password, of at most 72 bytes.
    type: path
  hash:
    description: The bcrypt hash. The action plugin fills it in.
    type: str
  replaces:
    description: The hash that is replaced. The action plugin fills it in.
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
- name: Let alice in
  flowbiz.vsa.auth:
    domain: shop.example.com
    user: alice
    route: /admin/
    password_file: /run/user/1000/alice
"""

RETURN = r"""
steps:
  description: The step C(users), and C(proxy) where it changed, each with name, state, text and notes.
  returned: success
  type: list
  elements: dict
generation:
  description: The generation that is live now.
  returned: when the proxy was changed
  type: int
audit_id:
  description: The id of the run.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.audited import audited
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.auth.users import run
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
    try:
        check, diff = module.check_mode, module._diff
        result = audited(lambda: run(module.params, check=check, diff=diff), module.params, module="auth", check=check)
        module.exit_json(**result)
    except VsaError as error:
        module.fail_json(**error.as_result())


if __name__ == "__main__":
    main()
