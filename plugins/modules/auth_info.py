#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: auth_info
short_description: Show who may pass the basic auth of a host's sites
version_added: 0.1.0
description:
  - Reads the password files, the manifests and the live generation of the proxy in one call; returns names, never
    hashes.
author:
  - flowbiz (@flowbiz)
options:
  domain:
    description: The one site to return; left out, all of them.
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
      V(locked) (no user is left), V(missing) (the password file is gone), V(pending) (manifest and proxy do not agree)
      or V(unused) (a password file that no vhost points to).
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.auth.listing import list_auth


def main() -> None:
    module = AnsibleModule(argument_spec={"domain": {"type": "raw"}}, supports_check_mode=True)
    try:
        module.exit_json(**list_auth(module.params["domain"]))
    except VsaError as error:
        module.fail_json(**error.as_result())


if __name__ == "__main__":
    main()
