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

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.options import REVOCATION_REASONS
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.issue import ensure_certificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.renew import RenewRequest, renew_certificates
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.revoke import RevokeRequest, revoke_certificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.wanted import IssueRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC


def _issue_request(params: Mapping[str, Any]) -> IssueRequest:
    fields = ("domain", "names", "san", "dns", "ca", "email", "force", "prove")
    return IssueRequest(**{name: params[name] for name in fields}, unset=params["unset"] or ())


def _revoke_request(params: Mapping[str, Any]) -> RevokeRequest:
    replacement = _issue_request(params) if params["replace"] else None
    return RevokeRequest(params["domain"], reason=params["reason"], replacement=replacement)


def _run(params: Mapping[str, Any], *, check: bool) -> Result:
    action = params["action"]
    if params["domain"] is None and action != "renew":
        raise UsageError("a domain is needed", field="domain", expected=f"which certificate to {action}")
    host = read_host(Paths())
    if action == "renew":
        request = RenewRequest(params["domain"], force=params["force"], prove=params["prove"])
        return renew_certificates(host, request, check=check)
    if action == "revoke":
        return revoke_certificate(host, _revoke_request(params), check=check)
    return ensure_certificate(host, _issue_request(params), check=check)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **RUN_SPEC,
            "action": {"type": "str", "choices": ["issue", "renew", "revoke"], "default": "issue"},
            "domain": {"type": "raw"},
            "names": {"type": "list", "elements": "raw"},
            "san": {"type": "list", "elements": "raw"},
            "dns": {"type": "raw"},
            "unset": {"type": "list", "elements": "str", "choices": ["san", "dns"]},
            "ca": {"type": "raw"},
            "email": {"type": "raw"},
            "force": {"type": "bool", "default": False},
            "prove": {"type": "bool", "default": True},
            "reason": {"type": "str", "choices": list(REVOCATION_REASONS), "default": REVOCATION_REASONS[0]},
            "replace": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    action = module.params["action"]

    def run(context: RunContext) -> Result:
        del context  # the files of a certificate do not say who asked for it
        return _run(module.params, check=module.check_mode)

    exit_recorded(module, run, verb=f"cert.{action}", target=module.params["domain"])


if __name__ == "__main__":
    main()
