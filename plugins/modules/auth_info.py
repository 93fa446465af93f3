#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: auth_info
short_description: Show the users of the basic auth of a host's sites
version_added: 0.1.0
description:
  - Reads the password files, the manifests and the live generation of the proxy in one call. Returns names of users,
    never hashes.
requirements:
  - Python 3.10 or newer on the host
  - python3-idna on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
author:
  - flowbiz (@flowbiz)
options:
  domain:
    description: The domain of the one site to return. Without it, all sites are returned.
    type: raw
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Show who may pass
  flowbiz.vsa.auth_info:
"""

RETURN = r"""
auth:
  description:
    - One entry per protected path, with C(domain), C(path), C(users), C(state) and C(problem). C(state) is V(ok),
      V(locked) (the password file has no user), V(missing) (there is no password file), V(pending) (the manifest and
      the live proxy differ) or V(unused) (no site uses the password file).
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.auth.listing import list_auth
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_with


def main() -> None:
    module = AnsibleModule(argument_spec={"domain": {"type": "raw"}}, supports_check_mode=True)
    exit_with(module, lambda: list_auth(module.params["domain"]))


if __name__ == "__main__":
    main()
