#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_info
short_description: Show the certificates of a host
version_added: 0.1.0
description:
  - Reads each lineage on the host, and asks the proxy by a TLS handshake which certificate it serves for each site.
  - Also asks the CAs when they want the certificates renewed (RFC 9773). A cache keeps each answer as long as the CA
    says.
requirements:
  - Python 3.10 or newer on the host
  - python3-cryptography on the host
  - python3-docker on the host
  - python3-idna on the host
  - python3-requests on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
author:
  - flowbiz (@flowbiz)
options:
  domain:
    description: The domain whose certificate to return. The default is all certificates of the host.
    type: raw
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Show the certificates
  flowbiz.vsa.cert_info:
"""

RETURN = r"""
certificates:
  description:
    - One entry per lineage, the worst first.
    - C(state) is V(ok), V(due) (the normal time of renewal), V(cannot renew) (valid, but a renewal must fail as the
      lineage is on disk; C(problem) names the repair), V(expiring) (renewal should have happened already),
      V(expired), V(mismatch) (clients see an error, whatever the dates say) or V(missing).
    - C(served) compares the certificate that the proxy serves with the one on disk. It is V(same), V(older), V(newer),
      V(other) or V(none), and null if no site uses the lineage.
    - C(renews) is the day of the next renewal. C(renews_by) tells who determines this day, V(ari) (the CA, in the
      window C(ari)) or V(lifetime) (certbot, by the share of the lifetime that is left).
    - Further keys are C(domain), C(site), C(problem), C(ca), C(issuer), C(key), C(key_matches), C(names),
      C(not_before), C(not_after),
      C(seconds_left), C(fraction_left), C(past_two_thirds), C(fingerprint), C(served_fingerprint),
      C(served_not_after) and C(last_failure).
  returned: success
  type: list
  elements: dict
renewal:
  description: The C(time) and the C(exit) code of the last run of the renewal loop; null if it never ran.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.listing import list_certificates
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_with


def main() -> None:
    module = AnsibleModule(argument_spec={"domain": {"type": "raw"}}, supports_check_mode=True)
    exit_with(module, lambda: list_certificates(read_host(Paths(), stamped=False), module.params["domain"]))


if __name__ == "__main__":
    main()
