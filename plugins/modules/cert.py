#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cert
short_description: Issue, renew or revoke certificates
version_added: 0.1.0
description:
  - Keeps the certificate on the host if it is valid for the site. Otherwise certbot in its container asks the CA for a
    certificate (ECDSA, validated by HTTP or DNS), or the module makes a self-signed pair. The module checks what was
    issued, and makes it readable for NGINX.
  - The renewal loop renews a certificate that is only due. A failed attempt leaves the previous certificate in place,
    and the error has the message of the CA.
  - After a failure at Let's Encrypt the module rehearses each further attempt at the staging CA. After repeated
    failures it waits before it asks again.
requirements:
  - Python 3.10 or newer on the host
  - python3-cryptography on the host
  - python3-dnspython on the host
  - python3-docker on the host
  - python3-idna on the host
  - python3-requests on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.run
options:
  action:
    description:
      - V(issue) ensures that a domain has a valid certificate. V(renew) renews the certificates that are due, all of
        the host or one. V(revoke) revokes a certificate that no site uses, and removes its lineage.
    type: str
    choices: [issue, renew, revoke]
    default: issue
  domain:
    description: The domain of the site, which is also the name of the lineage. Only V(renew) does not need it.
    type: raw
  names:
    description:
      - All names of the site. The default are the names in the site's manifest.
    type: list
    elements: raw
  san:
    description:
      - Further names, for example V(*.shop.example.com). They replace the saved ones. The module saves them in
        C(/etc/vsa/certs), so that renewals and later provisions include them.
    type: list
    elements: raw
  dns:
    description:
      - The certbot plugin that answers the CA's challenges by DNS, for example V(rfc2136) or V(cloudflare). Its
        credentials are in a file of mode 0600 in C(/etc/vsa/dns).
      - The default is the saved plugin. Without one, a certificate with a wildcard uses the setting C(dns_plugin) of
        the host.
    type: raw
  unset:
    description: The saved options to forget.
    type: list
    elements: str
    choices: [san, dns]
  ca:
    description:
      - The certificate authority, V(letsencrypt), V(staging), V(selfsigned), or the https URL of an ACME directory.
        The default is the CA in the site's manifest, else the CA in the host's settings.
    type: raw
  email:
    description:
      - The contact address of the ACME account. The default is the address in the site's manifest, else the address in
        the host's settings.
    type: raw
  prove:
    description: Whether to wait until the proxy serves the new certificate, if it replaces another one.
    type: bool
    default: true
  force:
    description:
      - Whether to ask for a new certificate even if the present one is valid. With O(action=renew) this needs a domain.
    type: bool
    default: false
  dns_check:
    description:
      - Whether to refuse names for which CAA records forbid the CA. Otherwise these are warnings, for hosts that see
        other DNS records than the CA.
    type: bool
    default: true
  reason:
    description: The reason of the revocation, which the CA publishes.
    type: str
    choices: [unspecified, keycompromise, affiliationchanged, superseded, cessationofoperation]
    default: unspecified
  replace:
    description:
      - Whether to issue another certificate first, and to keep the lineage. This is needed to revoke the certificate
        that a site uses.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Returns what would be issued, renewed or revoked, and why.
  diff_mode:
    support: none
    description: Returns no diff.
"""

EXAMPLES = r"""
- name: Issue the certificate of a site
  flowbiz.vsa.cert:
    domain: shop.example.com
    names:
      - shop.example.com
      - www.shop.example.com
    ca: letsencrypt
    email: ops@example.com

- name: Renew the certificates that are due
  flowbiz.vsa.cert:
    action: renew

- name: Revoke a certificate whose key is known to others
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
  returned: if O(action=issue)
  type: dict
renewed:
  description: The domains whose certificate was renewed.
  returned: if O(action=renew)
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
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
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
    fields = ("domain", "names", "san", "dns", "ca", "email", "force", "dns_check", "prove")
    return IssueRequest(**{name: params[name] for name in fields}, unset=params["unset"] or ())


def _revoke_request(params: Mapping[str, Any]) -> RevokeRequest:
    replacement = _issue_request(params) if params["replace"] else None
    return RevokeRequest(params["domain"], reason=params["reason"], replacement=replacement)


def _run(params: Mapping[str, Any], run: RunContext, *, check: bool) -> Result:
    action = params["action"]
    if params["domain"] is None and action != "renew":
        raise UsageError("a domain is needed", field="domain", expected=f"which certificate to {action}")
    host = read_host(Paths())
    if action == "renew":
        request = RenewRequest(params["domain"], force=params["force"], prove=params["prove"], run=run)
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
            "dns_check": {"type": "bool", "default": True},
            "prove": {"type": "bool", "default": True},
            "reason": {"type": "str", "choices": list(REVOCATION_REASONS), "default": REVOCATION_REASONS[0]},
            "replace": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    action = module.params["action"]

    def run(context: RunContext) -> Result:
        return _run(module.params, context, check=module.check_mode)

    exit_recorded(module, run, verb=f"cert.{action}", target=module.params["domain"])


if __name__ == "__main__":
    main()
