#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vhost
short_description: Change the reverse proxy of a host in one transaction
version_added: 0.1.0
description:
  - Renders manifests into a complete new generation of NGINX files and lets NGINX test it. Switches to the new
    generation in one rename, reloads NGINX, and proves that NGINX serves it. If anything fails, the generation that was
    live before is live again.
  - With O(phase=prepare) and O(phase=commit) the two halves run apart, so that a fleet commits only when every host
    is ready.
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
  phase:
    description: Which part of the transaction to run.
    type: str
    choices: [apply, prepare, commit, rollback, restore]
    default: apply
  sync:
    description: Render every manifest in /etc/vsa/sites.
    type: bool
    default: false
  removal:
    description:
      - What happens to a site that would go off the air and that nobody named, because O(sync=true) finds no manifest
        of the site or because the generation of O(phase=rollback) does not have the site.
      - V(refuse) refuses the run, V(keep) keeps the site (for O(sync=true)), V(allow) removes the site.
    type: str
    choices: [refuse, keep, allow]
    default: refuse
  domain:
    description: The site to change.
    type: raw
  state:
    description: Whether the proxy serves the site.
    type: str
    choices: [present, absent]
    default: present
  existing:
    description: Whether the module refuses a site that has no manifest yet.
    type: bool
    default: false
  answering:
    description:
      - Whether to ask the site for a page before and after the change. If it answered before and does not afterwards,
        the transaction fails.
    type: bool
    default: false
  base:
    description:
      - For O(phase=commit), the generation that the plan was made on. For O(phase=rollback), the generation that must
        be live still.
    type: int
  plan:
    description: For O(phase=commit), the hash of the plan that was prepared.
    type: str
  to:
    description: For O(phase=rollback), the generation to return to. The default is the one before the live one.
    type: int
attributes:
  check_mode:
    support: full
    description: Can run in check mode and return what would change.
  diff_mode:
    support: full
    description: Returns the unified diff of every file.
"""

EXAMPLES = r"""
- name: Serve a site
  flowbiz.vsa.vhost:
    domain: shop.example.com
    container: web-1
    port: 3000

- name: Render every manifest of the host
  flowbiz.vsa.vhost:
    sync: true
"""

RETURN = r"""
generation:
  description: The generation that is live now.
  returned: success
  type: int
  sample: 42
base:
  description: The generation that was live before.
  returned: success
  type: int
  sample: 41
plan:
  description: The hash of the plan.
  returned: success
  type: str
steps:
  description: The steps that were done, each with name, state, text and notes.
  returned: success
  type: list
  elements: dict
silent:
  description: The domains of changed sites that answered before the change and that nobody answers now.
  returned: if there are any
  type: list
  elements: str
invalid:
  description: Domains whose manifest is not valid and whose last good version stays live.
  returned: success
  type: list
  elements: str
affected:
  description: The sites that come (C(new)), that change (C(changed)) and that go (C(off_the_air)).
  returned: O(sync=true), O(phase=rollback)
  type: dict
target:
  description: The generation to go back to.
  returned: O(phase=rollback) in check mode
  type: int
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._core import forms
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.requested import requested_fields
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.module import PHASES, VhostRequest, run
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import REFUSE, REMOVALS, Change
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC, TEMPLATES_SPEC
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.site import SITE_SPEC


def vhost_request(params: dict[str, Any], context: RunContext) -> VhostRequest:
    """Return the request that the options of a task make. VsaError if an option is not of its form."""
    change = None
    if params["domain"] is not None:
        domain, unset = forms.domain(params["domain"]), tuple(params["unset"] or ())
        change = Change(domain, requested_fields(params), unset, absent=params["state"] == "absent")
    same = ("phase", "existing", "sync", "removal", "answering", "base", "plan", "to")
    taken_over = {key: params[key] for key in same}
    return VhostRequest(run=context, templates=params["templates"] or {}, change=change, **taken_over)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **SITE_SPEC,
            **RUN_SPEC,
            **TEMPLATES_SPEC,
            "phase": {"type": "str", "choices": list(PHASES), "default": "apply"},
            "sync": {"type": "bool", "default": False},
            "removal": {"type": "str", "choices": list(REMOVALS), "default": REFUSE},
            "domain": {"type": "raw"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "existing": {"type": "bool", "default": False},
            "answering": {"type": "bool", "default": False},
            "base": {"type": "int"},
            "plan": {"type": "str"},
            "to": {"type": "int"},
        },
        required_if=[("phase", "commit", ("base", "plan"))],
        supports_check_mode=True,
    )
    check, diff = module.check_mode, module._diff

    def call(context: RunContext) -> Result:
        return run(vhost_request(module.params, context), check=check, diff=diff)

    exit_recorded(module, call, verb="vhost.apply", target=module.params["domain"])


if __name__ == "__main__":
    main()
