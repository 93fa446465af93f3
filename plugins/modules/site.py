#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site
short_description: Bring a site live, rename it, or remove it
version_added: 0.1.0
description:
  - With O(state=present) it merges the requested fields into the site's manifest and checks the host. The proxy has to
    run, the containers have to answer on their ports, and no other site may have one of the names. Then it ensures
    that the site has a certificate, and changes the proxy in one transaction.
  - With O(state=renamed) it serves the site under the domain O(to), with its fields, users, logs and the options
    of its certificate. The certificate for the new domain comes first. If anything fails before the proxy has
    switched, the site is served under its old domain as before. The task may be interrupted and repeated.
  - With O(state=absent) it removes the site in six steps, which are the proxy, the users, the certificate, the
    containers, the logs and the manifest. Then it proves that nothing named after the site remains. The removal may be
    interrupted and repeated.
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
  - flowbiz.vsa.site
  - flowbiz.vsa.run
  - flowbiz.vsa.templates
options:
  domain:
    description: The domain of the site. A domain with other letters than ASCII may be written with them or as A-labels.
    type: raw
    required: true
  state:
    description:
      - Whether the host serves the site, serves it under another domain, serves it as an earlier generation had it,
        or does not have it.
    type: str
    choices: [present, renamed, rolled_back, absent]
    default: present
  to:
    description: With O(state=renamed), the new domain of the site. No site of the host may have this name.
    type: raw
  generation:
    description:
      - With O(state=rolled_back), the number of the generation whose version of the site comes back. The default is the
        last generation in which the site is another than now.
    type: raw
  redirect:
    description:
      - With O(state=renamed), whether the old names redirect to the new domain. Otherwise the proxy refuses them.
    type: bool
    default: true
  keep_container:
    description: With O(state=absent), whether the site's containers stay as they are.
    type: bool
    default: false
  keep_cert:
    description: With O(state=absent), whether the site's certificate stays and is still renewed.
    type: bool
    default: false
  purge:
    description:
      - With O(state=absent), whether the data of the site's containers is removed too. That is every volume that no
        other container mounts, and every directory below C(/srv/<tenant>/<app>) that no other container mounts.
    type: bool
    default: false
  detect:
    description: Whether to take the one container that publishes O(external_port), and the port inside of it.
    type: bool
    default: false
  external_port:
    description: The port of the host by which O(detect) finds the container.
    type: raw
  dns_check:
    description:
      - Whether to refuse the site if a CA would be asked and could not issue. That is if a name has no address, if
        every address of a name is answered by another host, or if CAA records name other CAs. Otherwise these are
        warnings, for hosts that see other DNS records than the CA.
    type: bool
    default: true
  force:
    description:
      - Whether the change stays if the site answered before and does not afterwards. Otherwise it is rolled back.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Can run in check mode and return what would change.
  diff_mode:
    support: full
    description: Returns the unified diff of the proxy's files.
"""

EXAMPLES = r"""
- name: Provision a site
  flowbiz.vsa.site:
    domain: shop.example.com
    container: web-1
    port: 3000

- name: Rename a site
  flowbiz.vsa.site:
    domain: shop.example.com
    to: store.example.com
    state: renamed

- name: Bring a site back to what it was in generation 41
  flowbiz.vsa.site:
    domain: shop.example.com
    generation: 41
    state: rolled_back

- name: Remove a site, but keep its certificate
  flowbiz.vsa.site:
    domain: shop.example.com
    state: absent
    keep_cert: true
"""

RETURN = r"""
site:
  description: The site, with C(domain), C(names), C(ca), C(email), C(tenant), C(routes), C(manifest) and C(new).
  returned: O(state=present), O(state=renamed)
  type: dict
detected:
  description: The container that was found, with C(container), C(port) and C(external_port).
  returned: when O(detect) is true
  type: dict
renamed_from:
  description: The old domain.
  returned: O(state=renamed)
  type: str
undo:
  description: The command that undoes the change of this one site.
  returned: if the proxy changed
  type: str
undo_hint:
  description: The same as a mapping, from which C(vsa) writes its own command.
  returned: if the proxy changed
  type: dict
rolled_back_to:
  description: The generation whose version of the site came back.
  returned: O(state=rolled_back)
  type: int
certificate:
  description: The certificate, as the module M(flowbiz.vsa.cert) returns it.
  returned: O(state=present), O(state=renamed)
  type: dict
audit_id:
  description: The id of the run.
  returned: success
  type: str
generation:
  description: The generation of the proxy that is live now.
  returned: success
  type: int
base:
  description: The generation that was live before.
  returned: O(state=present)
  type: int
plan:
  description: The hash of the plan.
  returned: O(state=present)
  type: str
invalid:
  description: Domains whose manifest is not valid.
  returned: O(state=present)
  type: list
  elements: str
silent:
  description: The domain of the site, if the change stays and nobody answers there.
  returned: the site does not answer, not with O(state=absent)
  type: list
  elements: str
removed:
  description: What was removed. Files are listed by their path.
  returned: O(state=absent)
  type: list
  elements: str
kept:
  description: What stays on purpose.
  returned: O(state=absent)
  type: list
  elements: str
shared:
  description: The containers that stay because others use them, each with the reasons.
  returned: O(state=absent)
  type: dict
containers:
  description:
    - The containers that would be removed, with C(name), C(image) and C(created) (Unix time). C(written_bytes) and
      C(written_paths) count what a container wrote outside of its volumes, and what would be lost with it.
  returned: O(state=absent) in check mode
  type: list
  elements: dict
steps:
  description:
    - What was done, each step with C(name), C(state), C(text) and C(notes). With O(state=present) the steps are
      C(preflight), C(certificate), C(proxy) and C(site). With O(state=renamed) C(auth) comes before C(proxy), and
      C(logs) and C(old name) come after it. With O(state=absent) they are the six steps of the removal,
      C(data) with O(purge), and C(proof).
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC, TEMPLATES_SPEC
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.site import (
    SITE_SPEC,
    provision_request,
    removal_request,
    rename_request,
    rollback_request,
)

# Each verb is imported where it is called: a host compiles in each run what is imported.


def provision(module: AnsibleModule, run: RunContext) -> Result:
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.provision import provision_site

    return provision_site(provision_request(module.params, run), check=module.check_mode, diff=module._diff)


def rename(module: AnsibleModule, run: RunContext) -> Result:
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.rename import rename_site

    return rename_site(rename_request(module.params, run), check=module.check_mode, diff=module._diff)


def roll_back(module: AnsibleModule, run: RunContext) -> Result:
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.rollback import roll_back_site

    return roll_back_site(rollback_request(module.params, run), check=module.check_mode, diff=module._diff)


def unprovision(module: AnsibleModule, run: RunContext) -> Result:
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.run import remove_site_from_host

    return remove_site_from_host(removal_request(module.params, run), check=module.check_mode, diff=module._diff)


VERBS = {
    "present": ("site.provision", provision),
    "renamed": ("site.rename", rename),
    "rolled_back": ("site.rollback", roll_back),
    "absent": ("site.unprovision", unprovision),
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **SITE_SPEC,
            **RUN_SPEC,
            **TEMPLATES_SPEC,
            "domain": {"type": "raw", "required": True},
            "dns_check": {"type": "bool", "default": True},
            "force": {"type": "bool", "default": False},
            "detect": {"type": "bool", "default": False},
            "external_port": {"type": "raw"},
            "state": {"type": "str", "choices": ["present", "renamed", "rolled_back", "absent"], "default": "present"},
            "to": {"type": "raw"},
            "generation": {"type": "raw"},
            "redirect": {"type": "bool", "default": True},
            "keep_container": {"type": "bool", "default": False},
            "keep_cert": {"type": "bool", "default": False},
            "purge": {"type": "bool", "default": False},
        },
        required_if=[("state", "renamed", ["to"])],
        supports_check_mode=True,
    )
    name, verb = VERBS[module.params["state"]]
    exit_recorded(module, lambda run: verb(module, run), verb=name, target=module.params["domain"])


if __name__ == "__main__":
    main()
