#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_apply
short_description: Make the sites of a host what an inventory declares
version_added: 0.1.0
description:
  - Validates every declaration, checks the containers and names of the sites that are new or changed, ensures that
    each site has a certificate, and changes the proxy in one transaction.
  - If one declaration is wrong, nothing is changed, and all mistakes are reported at once.
  - A declaration is a complete manifest, so a field that it does not name has its default. Sites that are not declared
    are reported. Without O(prune) they stay as they are.
requirements:
  - Python 3.10 or newer on the host
  - python3-cryptography on the host
  - python3-dnspython on the host
  - python3-docker on the host
  - python3-idna on the host
  - python3-jinja2 on the host
  - python3-requests on the host
  - python3-ruamel.yaml on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.run
  - flowbiz.vsa.templates
options:
  sites:
    description:
      - The sites, each with C(domain) and C(manifest). C(manifest) has the fields of a manifest except schema, domain
        and origin. If this option is left out, nothing is declared for the host.
    type: list
    elements: raw
  settings:
    description:
      - Settings of the host, as the inventory has them for bootstrap (C(ca), C(email), C(loki_url),
        C(resolver_valid), C(worker_shutdown_timeout)). A setting that is null stays as the host has it.
    type: dict
  prune:
    description: Whether to take sites out of the proxy that are not declared.
    type: bool
    default: false
  dns_check:
    description:
      - Whether to refuse a site if a CA would be asked and could not issue. That is if a name has no address, if every
        address of a name is answered by another host, or if CAA records name other CAs. Otherwise these are warnings.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Can run in check mode and return what would change.
  diff_mode:
    support: full
    description: Returns the unified diff of every file.
"""

EXAMPLES = r"""
- name: Make the sites of this host what its inventory says
  flowbiz.vsa.site_apply:
    sites:
      - domain: shop.example.com
        manifest:
          routes:
            - {path: /, container: web-1, port: 3000}
"""

RETURN = r"""
silent:
  description: The domains of changed sites that nobody answers now. The changes stay.
  returned: if there are any
  type: list
  elements: str
declared:
  description: One entry per declared site, with its domain and its state.
  returned: success
  type: list
  elements: dict
  contains:
    domain:
      description: The site.
      type: str
    state:
      description:
        - V(new), V(changed) or V(unchanged). V(adopted) means that the site was typed before and is declared now.
          V(mended) means that the host was not as declared, although the site is.
      type: str
undeclared:
  description: The domains that this host serves, or has a manifest of, and that are not declared.
  returned: success
  type: list
  elements: str
pruned:
  description: The undeclared domains that were taken out of the proxy, or would be in check mode.
  returned: success
  type: list
  elements: str
generation:
  description: The generation that is live now.
  returned: success
  type: int
base:
  description: The generation that was live before.
  returned: success
  type: int
steps:
  description: What was done, one entry per step, each with name, state, text and notes.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.apply import ApplyRequest, apply_sites
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC, TEMPLATES_SPEC


def apply(module: AnsibleModule, run: RunContext) -> Result:
    params = module.params
    request = ApplyRequest(
        run=run,
        templates=params["templates"] or {},
        entries=params["sites"],
        settings=params["settings"] or {},
        prune=params["prune"],
        dns_check=params["dns_check"],
    )
    return apply_sites(request, check=module.check_mode, diff=module._diff)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **RUN_SPEC,
            **TEMPLATES_SPEC,
            "sites": {"type": "list", "elements": "raw"},
            "settings": {"type": "dict"},
            "prune": {"type": "bool", "default": False},
            "dns_check": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    exit_recorded(module, lambda run: apply(module, run), verb="site.apply")


if __name__ == "__main__":
    main()
