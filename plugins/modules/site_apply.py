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
  - Validates every declaration, looks at the containers and names of the sites that are new or changed, brings the
    certificates that are missing, and changes the proxy in one transaction.
  - Nothing is changed where one declaration is wrong; all mistakes are named at once.
  - A declaration is a whole manifest, so what it does not say has its default. Sites that are not declared are named,
    and left alone without O(prune).
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.run
  - flowbiz.vsa.templates
options:
  sites:
    description:
      - The sites, each with C(domain) and C(manifest), which has the fields of a manifest but for schema, domain and
        origin. Left out, nothing is declared.
    type: list
    elements: raw
  settings:
    description:
      - Settings of the host, as the inventory says them for bootstrap (C(ca), C(email), C(loki_url),
        C(resolver_valid), C(worker_shutdown_timeout)). What is null stays.
    type: dict
  prune:
    description: Whether to take sites out of the proxy that are not declared.
    type: bool
    default: false
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
      description: V(new), V(changed), V(adopted) from what was typed, V(mended) on the host, or V(unchanged).
      type: str
undeclared:
  description: Domains that this host serves or has a manifest of, and that are not declared.
  returned: success
  type: list
  elements: str
pruned:
  description: Those of them that were taken out of the proxy, or would be.
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
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.audited import audited
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.apply import apply_sites
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC, TEMPLATES_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **RUN_SPEC,
            **TEMPLATES_SPEC,
            "sites": {"type": "list", "elements": "raw"},
            "settings": {"type": "dict"},
            "prune": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        check, diff, options = module.check_mode, module._diff, module.params
        result = audited(
            lambda: apply_sites(options, check=check, diff=diff), options, module="site_apply", check=check
        )
        module.exit_json(**result)
    except VsaError as error:
        module.fail_json(**error.as_result())


if __name__ == "__main__":
    main()
