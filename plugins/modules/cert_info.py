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
  - Reads every lineage on the host, and asks the proxy by a TLS handshake which certificate it serves for each site,
    all in one call. When a CA wants a certificate renewed is asked of it as rarely as it says, and kept in a cache.
author:
  - flowbiz (@flowbiz)
options:
  domain:
    description: The one site whose certificate to return; left out, all of them.
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
    - One entry per lineage, the worst first. C(state) is V(ok), V(due) (the normal time of renewal), V(expiring)
      (renewal should have happened), V(expired), V(mismatch) (clients see an error whatever the dates say) or
      V(missing); C(served) compares the certificate that the proxy serves with the one on disk, and is V(same),
      V(older), V(newer), V(other), V(none), or null without a site.
    - C(renews) is the day on which it will be renewed, and C(renews_by) who says so, V(ari) (the CA itself, RFC 9773,
      with C(ari), the window that it asks for) or V(lifetime) (the share of the lifetime that certbot goes by).
    - Further keys are C(domain), C(site), C(problem), C(ca), C(issuer), C(key), C(key_matches), C(names),
      C(not_before), C(not_after),
      C(seconds_left), C(fraction_left), C(past_two_thirds), C(fingerprint), C(served_fingerprint),
      C(served_not_after) and C(last_failure).
  returned: success
  type: list
  elements: dict
renewal:
  description: When the renewal loop last came round and how that ended, with C(time) and C(exit); null if it never did.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.listing import list_certificates
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_with


def main() -> None:
    module = AnsibleModule(argument_spec={"domain": {"type": "raw"}}, supports_check_mode=True)
    exit_with(module, lambda: list_certificates(read_host(Paths()), module.params["domain"]))


if __name__ == "__main__":
    main()
