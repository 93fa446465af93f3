# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the sites are away while the proxy's container is recreated.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import math

__all__ = ("outage_note", "outage_seconds")

# Measured on a host with two cores and Docker 26: one container without tenants' networks, and each network.
_CONTAINER_SECONDS = 4.0
_NETWORK_SECONDS = 0.2


def outage_seconds(networks: int) -> int:
    """Return about how many seconds the sites are away, for a number of tenants' networks."""
    return math.ceil(_CONTAINER_SECONDS + networks * _NETWORK_SECONDS)


def outage_note(networks: int) -> str:
    """Return the sentence of a check about the proxy that will be recreated."""
    seconds = outage_seconds(networks)
    return f"the proxy would be recreated: the sites are away for about {seconds} s ({networks} tenants' networks)"
