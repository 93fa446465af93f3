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
requirements:
  - Python 3.10 or newer on the host
  - python3-cryptography on the host
  - python3-docker on the host
  - python3-idna on the host
  - python3-requests on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
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
  find:
    description: Whether to return only what the host has of O(domain), so that a verb finds the host of a domain.
    type: bool
    default: false
  probe:
    description: Whether to ask each site through the proxy, and the DNS for its names.
    type: bool
    default: true
  fresh:
    description: Whether to ask the DNS anew. By default an answer is kept for ten minutes.
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
    - One entry per site, by domain, with C(domain), C(state) (V(down), V(invalid), V(warning), V(not checked) or
      V(ok)), C(problems), C(routes), C(aliases), C(tenant), C(ca), C(certificate) and C(manifest).
  returned: without O(export) and O(find)
  type: list
  elements: dict
causes:
  description: What is wrong with the host and concerns its sites, such as an NGINX that does not run.
  returned: without O(export) and O(find)
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
place:
  description: C(site) (whether the domain is a name of a site here), C(remains) and C(near) (names nearly the same).
  returned: with O(find)
  type: dict
generation:
  description: The generation of the proxy that is live.
  returned: without O(export) and O(find)
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._core import forms
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_with


def run(params) -> Result:
    if params["find"]:
        from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.find import find_site

        return find_site(forms.domain(params["domain"]))
    # Imported here: every verb about a domain on a fleet asks for the place first, which needs little of this.
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.listing import (
        SiteListRequest,
        export_sites,
        list_sites,
    )

    if params["export"]:
        return export_sites()
    domain = None if params["domain"] is None else forms.domain(params["domain"])
    return list_sites(SiteListRequest(domain, probe=params["probe"], fresh=params["fresh"]))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "domain": {"type": "raw"},
            "export": {"type": "bool", "default": False},
            "find": {"type": "bool", "default": False},
            "probe": {"type": "bool", "default": True},
            "fresh": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("domain", "export"), ("find", "export")],
        required_if=[("find", True, ("domain",))],
        supports_check_mode=True,
    )
    exit_with(module, lambda: run(module.params))


if __name__ == "__main__":
    main()
