#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cert
short_description: Bring the certificate of a site
version_added: 0.1.0
description:
  - Keeps the certificate that lies on the host where it is good for the site, else has one issued by certbot in its
    container (webroot, ECDSA), or makes a self-signed pair. What was issued is checked and made readable for NGINX.
  - A certificate that is only due is left to the renewal loop. A try that fails leaves what there was, and returns the
    words of the CA.
  - After a failure at Let's Encrypt each further try is rehearsed at its staging CA, and repeated
    failures have to wait.
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.run
options:
  domain:
    description: The site's own name; it is the name of the lineage too.
    type: raw
    required: true
  names:
    description:
      - Every name that the certificate has to cover. Left out, the domain and the aliases of its manifest.
    type: list
    elements: raw
  ca:
    description:
      - V(letsencrypt), V(staging), V(selfsigned), or the https URL of an ACME directory. Left out, what the manifest
        says, else the settings of the host.
    type: raw
  email:
    description: The contact of the ACME account. Left out, what the manifest says, else the settings of the host.
    type: raw
  prove:
    description: Whether to wait until the proxy serves a certificate that took another one's place.
    type: bool
    default: true
  force:
    description: Whether to ask for a new certificate although the old one is good.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Says whether a certificate would be issued, and why.
  diff_mode:
    support: none
    description: Returns no diff.
"""

EXAMPLES = r"""
- name: Bring the certificate of a site
  flowbiz.vsa.cert:
    domain: shop.example.com
    names:
      - shop.example.com
      - www.shop.example.com
    ca: letsencrypt
    email: ops@example.com
"""

RETURN = r"""
certificate:
  description:
    - The certificate on disk, with C(domain), C(names), C(ca), C(issuer), C(state), C(problem), C(not_after),
      C(seconds_left), C(fraction_left) and C(fingerprint) (SHA-256).
  returned: success
  type: dict
steps:
  description: The step C(certificate), with name, state, text and notes.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.arguments import RUN_SPEC
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit_note import audited
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert import bring_certificate


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **RUN_SPEC,
            "domain": {"type": "raw", "required": True},
            "names": {"type": "list", "elements": "raw"},
            "ca": {"type": "raw"},
            "email": {"type": "raw"},
            "force": {"type": "bool", "default": False},
            "prove": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    try:
        check = module.check_mode
        result = audited(
            lambda: bring_certificate(module.params, check=check), module.params, module="cert", check=check
        )
        module.exit_json(**result)
    except VsaError as error:
        module.fail_json(**error.as_result())


if __name__ == "__main__":
    main()
