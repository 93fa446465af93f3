# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel settings of the proxy's network namespace, in which the networks of all tenants meet.

The namespace forwards nothing, and believes no container about routes and addresses.
Source: https://docs.kernel.org/networking/ip-sysctl.html
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ("INTERFACE_SETTINGS", "strict_script", "wrong_settings")

INTERFACE_SETTINGS = {
    "net/ipv4/conf/{}/forwarding": "0",
    # The source of a packet must lie on the network that the packet came from.
    "net/ipv4/conf/{}/rp_filter": "1",
    # Answer ARP only for the interface's own address, and only within its network; never speak for another interface.
    "net/ipv4/conf/{}/arp_ignore": "2",
    "net/ipv4/conf/{}/arp_announce": "2",
    "net/ipv4/conf/{}/arp_filter": "1",
    "net/ipv4/conf/{}/accept_redirects": "0",
    "net/ipv4/conf/{}/secure_redirects": "0",
    "net/ipv4/conf/{}/send_redirects": "0",
    "net/ipv4/conf/{}/accept_source_route": "0",
    "net/ipv4/conf/{}/drop_unicast_in_l2_multicast": "1",
    "net/ipv6/conf/{}/forwarding": "0",
    "net/ipv6/conf/{}/accept_ra": "0",
    "net/ipv6/conf/{}/autoconf": "0",
    "net/ipv6/conf/{}/accept_redirects": "0",
    "net/ipv6/conf/{}/accept_source_route": "0",
    "net/ipv6/conf/{}/drop_unicast_in_l2_multicast": "1",
}
"""Each setting of an interface and its value; the braces stand for the interface, ``all`` or ``default``."""


def strict_script() -> str:
    """Return a shell script that makes every interface of the namespace strict in which the script runs.

    Docker 26 and older engines connect a container before they write the container's ``sysctls``, so that an interface
    that is there at the start misses ``default``.
    """
    lines = []
    for family in ("ipv4", "ipv6"):
        lines.append(f"for conf in /proc/sys/net/{family}/conf/*; do")
        for path, value in INTERFACE_SETTINGS.items():
            if f"/{family}/" in path:
                lines.append(f'    echo {value} >"$conf/{path.rpartition("/")[2]}"')
        lines.append("done")
    return "".join(f"{line}\n" for line in lines)


def wrong_settings(found: Mapping[str, str]) -> list[str]:
    """Return the settings that differ, as ``net/ipv6/conf/eth0/accept_ra is 1``.

    ``found`` has the values of a namespace by their path below /proc/sys. The loopback interface does not count.
    """
    wrong = []
    for path, value in sorted(found.items()):
        head, _slash, name = path.rpartition("/")
        place, _slash, interface = head.rpartition("/")
        wanted = INTERFACE_SETTINGS.get(f"{place}/{{}}/{name}")
        if interface != "lo" and wanted is not None and value != wanted:
            wrong.append(f"{path} is {value}")
    return wrong
