# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network namespace of a container: run a shell script in it, and read its kernel settings and default routes.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ipaddress
import os
from contextlib import suppress
from pathlib import Path

from .programs import output_of

__all__ = ("ask_as_bridge", "default_gateways", "interface_settings", "run_script")

_DEFAULT = "00000000"


def ask_as_bridge(root: str, bridge: str) -> None:
    """Have the host ask for the neighbours on a bridge under the bridge's own address. Does nothing without the bridge.

    Else a host that opens a connection to its own public address asks under that address, and a namespace that answers
    ARP within its own network alone (arp_ignore 2) stays silent: the host does not reach its own published port.
    Source: https://docs.kernel.org/networking/ip-sysctl.html
    """
    with suppress(FileNotFoundError):
        handle = os.open(Path(root, f"proc/sys/net/ipv4/conf/{bridge}/arp_announce"), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(handle, b"2\n")
        finally:
            os.close(handle)


def run_script(pid: int, script: str) -> bool:
    """Run a shell script of the host in the network namespace of a process, and say whether that worked."""
    return output_of(["nsenter", "--target", str(pid), "--net", "sh", "-euc", script]) is not None


def interface_settings(pid: int) -> dict[str, str] | None:
    """Return the settings of all interfaces by their path below /proc/sys, None if they cannot be read."""
    script = "grep -Hs '' /proc/sys/net/ipv4/conf/*/* /proc/sys/net/ipv6/conf/*/* || true"
    printed = output_of(["nsenter", "--target", str(pid), "--net", "sh", "-c", script])
    if not printed:
        return None
    lines = (line.partition(":") for line in printed.splitlines())
    return {path.removeprefix("/proc/sys/"): value.strip() for path, _colon, value in lines}


def default_gateways(pid: int) -> list[str] | None:
    """Return the IPv4 gateways of the default routes of a process, None if they cannot be read."""
    try:
        with open(f"/proc/{pid}/net/route", encoding="ascii") as file:
            rows = [line.split() for line in file.read().splitlines()[1:]]
    except OSError:
        return None
    # The kernel prints an address as a number in the byte order of the machine.
    found = [int(row[2], 16) for row in rows if row[1] == _DEFAULT]
    return [str(ipaddress.IPv4Address(number.to_bytes(4, "little"))) for number in found]
