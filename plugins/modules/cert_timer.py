#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_timer
short_description: Install the renewal of certificates that needs no controller
version_added: 0.1.0
description:
  - Installs a program that renews the certificates that are due and sends an alert for those that are late, and a
    systemd timer or a cron job that starts the program twice a day. The host needs neither Ansible nor this collection.
  - The program is a safety net for the renewal loop of the certbot container. It writes C(/var/log/vsa/cert-renew.log).
    It sends alerts by C(alert_command) and C(alert_url) of C(/etc/vsa/vsa.yml), once a day for each certificate that
    was not renewed after two thirds of its lifetime, or that the proxy does not serve.
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
extends_documentation_fragment:
  - flowbiz.vsa.run
options:
  state:
    description: Whether the renewal is to be installed or removed.
    type: str
    choices: [present, absent]
    default: present
  cron:
    description: Whether cron starts the program, instead of a systemd timer.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Returns whether something would be installed, changed or removed.
  diff_mode:
    support: full
    description: Returns the diff of the units, or of the cron file.
"""

EXAMPLES = r"""
- name: Renew on the host itself
  flowbiz.vsa.cert_timer:
"""

RETURN = r"""
steps:
  description: The step C(timer), with name, state, text and notes.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.timer.install import TimerRequest, set_timer
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **RUN_SPEC,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "cron": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    request = TimerRequest(present=module.params["state"] == "present", cron=module.params["cron"])

    def run(context: RunContext) -> Result:
        del context  # the timer's files do not say who installed them
        return set_timer(read_host(Paths()), request, check=module.check_mode)

    exit_recorded(module, run, verb="cert.install-cron")


if __name__ == "__main__":
    main()
