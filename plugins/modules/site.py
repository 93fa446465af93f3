#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site
short_description: Check a site, bring it live, or remove it
version_added: 0.1.0
description:
  - Brings the words of a task and the site's manifest together, validates the whole, and looks at the host, namely
    that the proxy runs, the containers exist, run and answer on their ports, no other site has one of the names, and
    every address of every name leads here.
  - With O(state=present) it changes nothing, unless O(provision) is true. What it returns is for the modules
    M(flowbiz.vsa.cert) and M(flowbiz.vsa.vhost), which make the site.
  - With O(state=absent) it removes the site in six steps, namely from the proxy, its auth, its certificate, its
    containers, its logs and its manifest; then it proves that nothing named after the site remains. It is safe to
    interrupt and to repeat.
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.site
  - flowbiz.vsa.run
  - flowbiz.vsa.templates
options:
  domain:
    description: The site's own name; an internationalised one may be written either way.
    type: raw
    required: true
  state:
    description: Whether the site is to be made, and so only checked, or removed.
    type: str
    choices: [present, absent]
    default: present
  provision:
    description:
      - With O(state=present), whether to bring the site live as M(flowbiz.vsa.vhost) would, where its certificate is
        good as it lies. That spares the start of two modules.
    type: bool
    default: false
  keep_container:
    description: With O(state=absent), whether the site's containers stay as they are.
    type: bool
    default: false
  keep_cert:
    description: With O(state=absent), whether the site's certificate stays, and is renewed further on.
    type: bool
    default: false
  purge:
    description:
      - With O(state=absent), whether the volumes go that no other container mounts, and the directories below
        C(/srv/<tenant>/<app>) of which that is true as well.
    type: bool
    default: false
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
    description: Can run in check mode and return what would go.
  diff_mode:
    support: full
    description: With O(state=absent) or O(provision) it returns the unified diff of the proxy's files.
"""

EXAMPLES = r"""
- name: Check a site
  flowbiz.vsa.site:
    domain: shop.example.com
    container: web-1
    port: 3000

- name: Remove a site, but not its certificate
  flowbiz.vsa.site:
    domain: shop.example.com
    state: absent
    keep_cert: true
"""

RETURN = r"""
site:
  description: The site as it would be, with C(domain), C(names), C(ca), C(email), C(tenant) and C(routes).
  returned: O(state=present)
  type: dict
detected:
  description: The container that was found, with C(container), C(port) and C(external_port).
  returned: when O(detect) is true
  type: dict
answering:
  description: Whether every container answered on its port.
  returned: O(state=present)
  type: bool
audit_id:
  description: The id of the run.
  returned: success
  type: str
certificate_kept:
  description: Whether the certificate is good as it lies, so that the module M(flowbiz.vsa.cert) would do nothing.
  returned: O(state=present)
  type: bool
certificate:
  description: The certificate that is kept, as the module M(flowbiz.vsa.cert) describes it.
  returned: when C(certificate_kept)
  type: dict
provisioned:
  description:
    - Whether the site was brought live, or in check mode would be. What M(flowbiz.vsa.vhost) returns is here then too.
  returned: O(state=present)
  type: bool
generation:
  description: The generation of the proxy that is live now.
  returned: O(state=absent), or when C(provisioned)
  type: int
removed:
  description: What went, files by their path.
  returned: O(state=absent)
  type: list
  elements: str
kept:
  description: What stays on purpose.
  returned: O(state=absent)
  type: list
  elements: str
shared:
  description: The containers that stay because others use them, each with who does.
  returned: O(state=absent)
  type: dict
containers:
  description:
    - In check mode the containers that would go, with C(name), C(image), C(created) (Unix time), C(written_bytes) and
      C(written_paths) (how many) of what lies in no volume and would be lost.
  returned: O(state=absent) in check mode
  type: list
  elements: dict
steps:
  description:
    - The step C(preflight), where it is kept C(certificate), and those of M(flowbiz.vsa.vhost) with C(provisioned);
      with O(state=absent) the six steps, C(data) with
      O(purge), and C(proof). Each with name, state, text and notes.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core import forms
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import as_module_result
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import (
    RUN_SPEC,
    TEMPLATES_SPEC,
    run_context,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.site import SITE_SPEC


def run(module: AnsibleModule) -> dict[str, object]:
    # Each imports only what it needs: on the host that is compiled anew in every run.
    options, check = module.params, module.check_mode
    if options["state"] == "present":
        from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.provision import provision_site

        return provision_site(options, check=check, diff=module._diff)
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.audited import audited
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.run import (
        RemovalRequest,
        remove_site_from_host,
    )

    request = RemovalRequest(
        run=run_context(options, verb="site.unprovision"),
        domain=forms.domain(options["domain"]),
        templates=options["templates"] or {},
        keep_container=options["keep_container"],
        keep_cert=options["keep_cert"],
        purge=options["purge"],
    )
    return audited(
        lambda: as_module_result(remove_site_from_host(request, check=check, diff=module._diff)),
        options,
        module="site",
        check=check,
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **SITE_SPEC,
            **RUN_SPEC,
            **TEMPLATES_SPEC,
            "domain": {"type": "raw", "required": True},
            "strict_dns": {"type": "bool", "default": False},
            "detect": {"type": "bool", "default": False},
            "external_port": {"type": "raw"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "provision": {"type": "bool", "default": False},
            "keep_container": {"type": "bool", "default": False},
            "keep_cert": {"type": "bool", "default": False},
            "purge": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except VsaError as error:
        module.fail_json(**error.as_result())


if __name__ == "__main__":
    main()
