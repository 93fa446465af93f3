#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Show what is wrong on a host
version_added: 0.1.0
description:
  - Checks the Docker engine, the reverse proxy, every site, the certificates and the machine itself, all in one call.
  - The checks run at the same time. A check that fails, or that does not end in time, is reported as V(not checked).
requirements:
  - Python 3.10 or newer on the host
  - python3-cryptography on the host
  - python3-dnspython on the host
  - python3-docker on the host
  - python3-idna on the host
  - python3-requests on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
author:
  - flowbiz (@flowbiz)
options:
  fresh:
    description: Whether to ask the DNS anew. By default an answer is kept for ten minutes.
    type: bool
    default: false
  ping:
    description: Whether to say only that the host was reached, and as what.
    type: bool
    default: false
  probe:
    description: Whether to ask each site through the proxy.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Show what is wrong
  flowbiz.vsa.host_info:
"""

RETURN = r"""
ping:
  description: C(user) (who the module runs as), C(python) (its version) and C(bootstrapped) (whether VSA has settings).
  returned: with O(ping)
  type: dict
state:
  description: The worst level of the findings, V(down), V(warning) or V(not checked); V(ok) if there is none.
  returned: without O(ping)
  type: str
findings:
  description:
    - One entry per thing that is wrong, the worst first, with C(name), C(level), C(subject), C(text) and C(remedy).
  returned: without O(ping)
  type: list
  elements: dict
domains:
  description: The domains of the host's sites.
  returned: without O(ping)
  type: list
  elements: str
site_states:
  description: The number of sites in each state, as M(flowbiz.vsa.site_info) has them.
  returned: without O(ping)
  type: dict
checks:
  description: The names of the checks.
  returned: without O(ping)
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_with


def run(params) -> Result:
    if params["ping"]:
        from ansible_collections.flowbiz.vsa.plugins.module_utils._host.host.ping import answer_ping

        return answer_ping()
    # Imported here: a ping needs nothing of this.
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.host.status import StatusRequest, show_status

    return show_status(StatusRequest(fresh=params["fresh"], probe=params["probe"]))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "fresh": {"type": "bool", "default": False},
            "probe": {"type": "bool", "default": True},
            "ping": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    exit_with(module, lambda: run(module.params))


if __name__ == "__main__":
    main()
