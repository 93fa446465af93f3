#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bootstrap_firewall
short_description: Close what containers and other hosts must not reach
version_added: 0.1.0
description:
  - Installs rules for iptables and ip6tables, and a systemd unit that loads them at boot, before Docker, and whenever
    Docker starts. The rules stand in chains of their own; the operator's rules and Docker's rules stay.
  - Another host reaches a container only by a published port. A container does not reach the metadata addresses of the
    provider, and of the host itself only the ports 80 and 443 and those that a stack declares. The settings
    C(container_metadata) and C(container_host_ports) of C(/etc/vsa/vsa.yml) open both again.
  - Installs a second unit that makes the proxy's network namespace strict whenever a container started.
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
attributes:
  check_mode:
    support: full
    description: Returns whether something would change.
"""

EXAMPLES = r"""
- name: Close what containers and other hosts must not reach
  flowbiz.vsa.bootstrap_firewall:
"""

RETURN = r"""
steps:
  description: The step C(firewall), with name, state, text and notes.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.bootstrap.firewall import close_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC


def main() -> None:
    module = AnsibleModule(argument_spec={**RUN_SPEC}, supports_check_mode=True)
    exit_recorded(module, lambda _run: close_host(check=module.check_mode), verb="bootstrap")


if __name__ == "__main__":
    main()
