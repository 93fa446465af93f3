# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and addresses of VSA's networks: the entry network, the tenants' edges, and those of Docker's API and Loki.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import hashlib
import ipaddress

__all__ = (
    "DOCKER_INSPECT",
    "DOCKER_LIST",
    "EDGE",
    "ENTRY",
    "ENTRY_BRIDGE",
    "LOKI",
    "contains_edge",
    "edge_network",
    "is_edge_network",
    "is_loopback",
    "ula_subnet",
    "within",
)

EDGE = "flowbiz_ext"

ENTRY = "flowbiz_entry"
"""The network of the proxy's default route and published ports. No container of a site or stack is on this network.

A container's default route leads to the network whose name sorts first (every engine does so; ``gw_priority`` needs
Docker 28), so this name sorts before the names of all edge networks.
"""

ENTRY_BRIDGE = "vsa-entry"
"""The bridge of the entry network on the host. Its name is fixed, so that the host's firewall can name the bridge."""

DOCKER_LIST = "vsa_docker_list"
"""The network on which containers read the list of containers and the events of Docker."""

DOCKER_INSPECT = "vsa_docker_inspect"
"""The network on which containers read everything about every container, also its variables."""

LOKI = "vsa_loki"
"""The network on which the hub asks Loki. It has no way out, and the logs of all tenants are read on it."""


def edge_network(tenant: str | None) -> str:
    """Return the network on which the proxy reaches a tenant's containers; without a tenant the common one."""
    return f"{EDGE}_{tenant}" if tenant else EDGE


def is_edge_network(name: str) -> bool:
    """Say whether a Docker network's name is one that the proxy joins."""
    return name == EDGE or name.startswith(f"{EDGE}_")


def contains_edge(name: str) -> bool:
    """Say whether a name contains an edge network's name. Docker's DNS ignores case, so this does too."""
    return EDGE in name.lower()


def ula_subnet(name: str) -> str:
    """Return the IPv6 /64 of a network, from its name: Docker before 27 wants it said.

    Source: RFC 4193, section 3.2 (fd00::/8, 40 bits of global id, 16 bits of subnet); here both come from SHA-256.
    """
    digest = hashlib.sha256(f"flowbiz.vsa {name}".encode()).digest()
    return str(ipaddress.IPv6Network((b"\xfd" + digest[:7] + bytes(8), 64)))


def is_loopback(address: str) -> bool:
    """Say whether an address is one that only the host itself reaches. An empty one means every address."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def within(address: str, networks: tuple[str, ...]) -> bool:
    """Say whether an address is in one of the networks."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return any(found in ipaddress.ip_network(network) for network in networks)
