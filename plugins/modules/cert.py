#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cert
short_description: Bring, renew or revoke certificates
version_added: 0.1.0
description:
  - Keeps the certificate that lies on the host where it is good for the site, else has one issued by certbot in its
    container (webroot or DNS, ECDSA), or makes a self-signed pair. What was issued is checked and made readable for
    NGINX.
  - A certificate that is only due is left to the renewal loop. A try that fails leaves what there was, and returns the
    words of the CA.
  - After a failure at Let's Encrypt each further try is rehearsed at its staging CA, and repeated
    failures have to wait.
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.run
options:
  action:
    description:
      - V(issue) brings the certificate of a domain, V(renew) renews what is due (all of a host's certificates, or
        one), V(revoke) revokes one that no site serves and removes its lineage.
    type: str
    choices: [issue, renew, revoke]
    default: issue
  domain:
    description: The site's own name; it is the name of the lineage too. Only V(renew) does without.
    type: raw
  names:
    description:
      - Every name of the site. Left out, those of its manifest.
    type: list
    elements: raw
  san:
    description:
      - Further names, V(*.shop.example.com) among them, in place of those said before. They are
        kept in C(/etc/vsa/certs), so renewals and later provisions have them too.
    type: list
    elements: raw
  dns:
    description:
      - The certbot plugin that answers the challenges by DNS, V(rfc2136) or V(cloudflare) for example, whose
        credentials lie in C(/etc/vsa/dns), a file of mode 0600. Left out, what was said before; for a wildcard, the
        setting C(dns_plugin) of the host.
    type: raw
  unset:
    description: What was said before and is to be forgotten.
    type: list
    elements: str
    choices: [san, dns]
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
    description: Whether to ask for a new certificate although the old one is good. To renew so a domain is needed.
    type: bool
    default: false
  reason:
    description: Why it is revoked.
    type: str
    choices: [unspecified, keycompromise, affiliationchanged, superseded, cessationofoperation]
    default: unspecified
  replace:
    description: Whether to bring another certificate first, and revoke the old one of a site that goes on.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Says what would be issued, renewed or revoked, and why.
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

- name: Renew what is due
  flowbiz.vsa.cert:
    action: renew

- name: Revoke a certificate whose key was seen by others
  flowbiz.vsa.cert:
    action: revoke
    domain: shop.example.com
    reason: keycompromise
    replace: true
"""

RETURN = r"""
certificate:
  description:
    - The certificate on disk, with C(domain), C(names), C(ca), C(issuer), C(state), C(problem), C(not_after),
      C(seconds_left), C(fraction_left) and C(fingerprint) (SHA-256).
  returned: when issued or kept
  type: dict
renewed:
  description: The domains whose certificate was renewed.
  returned: when renewing
  type: list
  elements: str
steps:
  description: What was done, with name, state, text and notes.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.audited import audited
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.actions import (
    ACTIONS,
    REASONS,
    act_on_certificate,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **RUN_SPEC,
            "action": {"type": "str", "choices": list(ACTIONS), "default": "issue"},
            "domain": {"type": "raw"},
            "names": {"type": "list", "elements": "raw"},
            "san": {"type": "list", "elements": "raw"},
            "dns": {"type": "raw"},
            "unset": {"type": "list", "elements": "str", "choices": ["san", "dns"]},
            "ca": {"type": "raw"},
            "email": {"type": "raw"},
            "force": {"type": "bool", "default": False},
            "prove": {"type": "bool", "default": True},
            "reason": {"type": "str", "choices": list(REASONS), "default": REASONS[0]},
            "replace": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        check = module.check_mode
        result = audited(
            lambda: act_on_certificate(module.params, check=check), module.params, module="cert", check=check
        )
        module.exit_json(**result)
    except VsaError as error:
        module.fail_json(**error.as_result())


if __name__ == "__main__":
    main()
