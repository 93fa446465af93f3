#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vhost_info
short_description: Show the live NGINX files of a host and their history
version_added: 0.1.0
description:
  - Returns the generations of the proxy's configuration, who made each of them and what it changed, and the files that
    somebody edited by hand.
requirements:
  - Python 3.10 or newer on the host
  - python3-idna on the host
  - python3-jinja2 on the host
  - python3-ruamel.yaml on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.templates
options:
  domain:
    description: A site. The result has only this site, with its NGINX text.
    type: raw
  history:
    description: Whether the result has the generations that are kept.
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
- name: Show the history of the proxy
  flowbiz.vsa.vhost_info:
    history: true
"""

RETURN = r"""
generation:
  description: The generation that is live.
  returned: success
  type: int
vhosts:
  description:
    - One entry per site of the live generation, with its domain, names, edge network, CA, containers and drift.
    - C(last_change) says which generation changed the site last, when, by whom and by which verb.
    - With O(domain) also the NGINX C(text), its C(lines) with the C(source) of each (a field of the manifest, a
      default, a setting), and the C(origin) of the manifest.
  returned: success
  type: list
  elements: dict
generations:
  description:
    - The generations that are kept, newest first, each with number, time, actor, verb, id of the run and summary.
  returned: O(history=true)
  type: list
  elements: dict
drift:
  description: Files of the live generation that somebody edited, added or removed.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._core import forms
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.listing import VhostListRequest, list_vhosts
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_with
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import TEMPLATES_SPEC


def list_request(params):
    """Return the request that the options of a task make. VsaError if the domain is not of its form."""
    domain = None if params["domain"] is None else forms.domain(params["domain"])
    return VhostListRequest(domain=domain, templates=params["templates"] or {}, history=params["history"])


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **TEMPLATES_SPEC,
            "domain": {"type": "raw"},
            "history": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    exit_with(module, lambda: list_vhosts(list_request(module.params)))


if __name__ == "__main__":
    main()
