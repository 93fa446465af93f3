# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine as the collector sees it: what it is, and its figures.

The collector has a network namespace of its own, so it reads the host's addresses and counters below /proc/1/net.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import platform
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...._core.times import rfc3339
from ...._core.version import VERSION

__all__ = ("figures_row", "machine_id", "node_row")

# The application that systemd derives this id for (sd_id128_get_machine_app_specific). It never changes.
_APPLICATION = bytes.fromhex("d0a3c1f2b7e84c5f9a1e6b3d4c2f8e70")

# Filesystems that hold no data of the host.
_DISKS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs")
_MOST_DISKS = 20
# Interfaces of containers, and of Docker's networks.
_OF_CONTAINERS = ("veth", "docker", "br-", "lo")


def machine_id(root: str = "/") -> str:
    """Return the id of this machine for this application alone, in 32 hex digits: the machine's own id stays secret.

    It is what `systemd-id128 machine-id --app-specific=…` prints. OSError or ValueError if the host has no id.
    """
    import hashlib
    import hmac

    own = bytes.fromhex(Path(root, "etc/machine-id").read_text(encoding="ascii").strip())
    made = bytearray(hmac.new(own, _APPLICATION, hashlib.sha256).digest()[:16])
    # As systemd does: a UUID of version 4 (RFC 9562, section 5.4).
    made[6] = made[6] & 0x0F | 0x40
    made[8] = made[8] & 0x3F | 0x80
    return made.hex()


def node_row(
    *, root: str = "/", docker: str | None, nginx: str | None, swarm: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the row of the section ``node``. OSError if /proc cannot be read."""
    memory = _memory(root)
    return {
        "id": "node",
        "hostname": socket.gethostname(),
        "os": _os_name(root),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "memory_bytes": memory.get("MemTotal"),
        "python": platform.python_version(),
        "docker": docker,
        "nginx": nginx,
        "vsa": VERSION,
        "boot_at": _boot_time(root),
        "addresses": _addresses(root),
        "disks": [{"mount": mount, "bytes": size} for mount, _used, size in _disks(root)],
        "swarm": _swarm(swarm),
    }


def figures_row(*, root: str = "/") -> dict[str, Any]:
    """Return the row of the section ``figures``. OSError if /proc cannot be read."""
    loads = [float(part) for part in Path(root, "proc/loadavg").read_text(encoding="ascii").split()[:3]]
    memory = _memory(root)
    return {
        "id": "node",
        "load1": loads[0],
        "load5": loads[1],
        "load15": loads[2],
        "memory_available_bytes": memory.get("MemAvailable"),
        "swap_used_bytes": memory.get("SwapTotal", 0) - memory.get("SwapFree", 0),
        "disks": [{"mount": mount, "used_bytes": used, "bytes": size} for mount, used, size in _disks(root)],
        "network": _network(root),
    }


def _swarm(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    state = str((found or {}).get("LocalNodeState") or "inactive")
    return None if state == "inactive" else {"node": str((found or {}).get("NodeID") or ""), "state": state}


def _os_name(root: str) -> str | None:
    for name in ("etc/os-release", "usr/lib/os-release"):
        try:
            text = Path(root, name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith("PRETTY_NAME="):
                return line.partition("=")[2].strip("\"'")
    return None


def _memory(root: str) -> dict[str, int]:
    lines = Path(root, "proc/meminfo").read_text(encoding="ascii").splitlines()
    parts = [line.split() for line in lines]
    return {part[0].rstrip(":"): int(part[1]) * 1024 for part in parts if len(part) > 1 and part[1].isdigit()}


def _boot_time(root: str) -> str | None:
    for line in Path(root, "proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return rfc3339(datetime.datetime.fromtimestamp(int(line.split()[1]), datetime.timezone.utc))
    return None


def _disks(root: str) -> list[tuple[str, int, int]]:
    """Return mount, used and all bytes of each filesystem with data. One that is mounted often counts once."""
    found: dict[int, tuple[str, int, int]] = {}
    for line in Path(root, "proc/1/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
        parts = line.split()
        if len(parts) < 3 or (parts[2] not in _DISKS and parts[1] != "/"):
            continue
        mount = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), parts[1])
        try:
            state, device = os.statvfs(mount), os.stat(mount).st_dev
        except OSError:
            continue
        if not os.path.isdir(mount):  # a single file of a filesystem, as in containers
            continue
        if device not in found or len(mount) < len(found[device][0]):
            size = state.f_blocks * state.f_frsize
            found[device] = (mount, size - state.f_bfree * state.f_frsize, size)
    return sorted(found.values())[:_MOST_DISKS]


def _network(root: str) -> list[dict[str, Any]]:
    counters = []
    for line in Path(root, "proc/1/net/dev").read_text(encoding="ascii").splitlines()[2:]:
        name, _colon, rest = line.partition(":")
        numbers = rest.split()
        if len(numbers) > 8 and not name.strip().startswith(_OF_CONTAINERS):
            counters.append({"name": name.strip(), "received_bytes": int(numbers[0]), "sent_bytes": int(numbers[8])})
    return counters


def _addresses(root: str) -> list[str]:
    """Return the addresses of the host, those of Docker's networks left out. Unknown ones are none."""
    networks = _networks_of_containers(root)
    found: list[str] = []
    for text in (*_addresses4(root), *_addresses6(root)):
        address = ipaddress.ip_address(text)
        if address.is_loopback or address.is_link_local or any(address in network for network in networks):
            continue
        if text not in found:
            found.append(text)
    return found


def _addresses4(root: str) -> list[str]:
    found, address = [], ""
    for line in _lines(Path(root, "proc/1/net/fib_trie")):
        words = line.split()
        if words[:1] == ["|--"]:
            address = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"]:
            found.append(address)
    return found


def _addresses6(root: str) -> list[str]:
    found = []
    for line in _lines(Path(root, "proc/1/net/if_inet6")):
        words = line.split()
        if len(words) == 6 and not words[5].startswith(_OF_CONTAINERS):
            found.append(str(ipaddress.IPv6Address(int(words[0], 16))))
    return found


def _networks_of_containers(root: str) -> list[ipaddress.IPv4Network]:
    networks = []
    for line in _lines(Path(root, "proc/1/net/route"))[1:]:
        words = line.split()
        if len(words) > 7 and words[0].startswith(_OF_CONTAINERS):
            # The kernel writes addresses as numbers of the machine's own byte order.
            start, mask = (int.from_bytes(bytes.fromhex(words[place])[::-1], "big") for place in (1, 7))
            networks.append(ipaddress.IPv4Network((start, bin(mask).count("1"))))
    return networks


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
