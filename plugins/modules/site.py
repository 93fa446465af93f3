#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site
short_description: Check a site before anything is changed for it
version_added: 0.1.0
description:
  - Brings the words of a task and the site's manifest together, validates the whole, and looks at the host, namely
    that the proxy runs, the containers exist, run and answer on their ports, no other site has one of the names, and
    every address of every name leads here.
  - Changes nothing. What it returns is for the modules M(flowbiz.vsa.cert) and M(flowbiz.vsa.vhost), which make the
    site.
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.site
  - flowbiz.vsa.run
options:
  domain:
    description: The site's own name; an internationalised one may be written either way.
    type: raw
    required: true
  detect:
    description: Whether to take the one container that publishes O(external_port), and the port inside it.
    type: bool
    default: false
  external_port:
    description: The port of the host by which O(detect) finds the container.
    type: raw
  strict_dns:
    description: Whether an address that does not lead here is an error instead of a warning.
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
- name: Check a site
  flowbiz.vsa.site:
    domain: shop.example.com
    container: web-1
    port: 3000
"""

RETURN = r"""
site:
  description: The site as it would be, with C(domain), C(names), C(ca), C(email), C(tenant) and C(routes).
  returned: success
  type: dict
detected:
  description: The container that was found, with C(container), C(port) and C(external_port).
  returned: when O(detect) is true
  type: dict
answering:
  description: Whether every container answered on its port.
  returned: success
  type: bool
audit_id:
  description: The id of the run.
  returned: success
  type: str
certificate_kept:
  description: Whether the certificate is good as it lies, so that the module M(flowbiz.vsa.cert) would do nothing.
  returned: success
  type: bool
certificate:
  description: The certificate that is kept, as the module M(flowbiz.vsa.cert) describes it.
  returned: when C(certificate_kept)
  type: dict
steps:
  description: The step C(preflight), and where it is kept C(certificate), each with name, state, text and notes.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.arguments import RUN_SPEC, SITE_SPEC
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.sites import check_site


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **SITE_SPEC,
            **RUN_SPEC,
            "domain": {"type": "raw", "required": True},
            "strict_dns": {"type": "bool", "default": False},
            "detect": {"type": "bool", "default": False},
            "external_port": {"type": "raw"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**check_site(module.params, check=module.check_mode))
    except VsaError as error:
        module.fail_json(**error.as_result())


if __name__ == "__main__":
    main()
