#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_info
short_description: List the sites of a host
version_added: 0.1.0
description:
  - Reads the manifests, the live generation, the certificates and the state of the containers in one call.
author:
  - flowbiz (@flowbiz)
options:
  domain:
    description: The site to return. If this option is left out, all sites are returned.
    type: raw
  export:
    description: Whether to return only the manifests, as an inventory declares them.
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
- name: List the sites
  flowbiz.vsa.site_info:
"""

RETURN = r"""
sites:
  description:
    - One entry per site, by domain, with C(domain), C(state) (V(ok), V(warning), V(invalid) or V(pending)),
      C(problems), C(routes), C(aliases), C(tenant), C(ca), C(certificate) and C(manifest).
  returned: without O(export)
  type: list
  elements: dict
vsa_sites:
  description: The fields of each manifest by domain, for the inventory variable of the same name.
  returned: with O(export)
  type: dict
unreadable:
  description: The manifests that are not valid, each with C(domain) and C(problem).
  returned: with O(export)
  type: list
  elements: dict
generation:
  description: The generation of the proxy that is live.
  returned: without O(export)
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core import forms
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.listing import export_sites, list_sites
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_with


def run(params) -> Result:
    if params["export"]:
        return export_sites()
    domain = params["domain"]
    return list_sites(None if domain is None else forms.domain(domain))


def main() -> None:
    module = AnsibleModule(
        argument_spec={"domain": {"type": "raw"}, "export": {"type": "bool", "default": False}},
        mutually_exclusive=[("domain", "export")],
        supports_check_mode=True,
    )
    exit_with(module, lambda: run(module.params))


if __name__ == "__main__":
    main()
