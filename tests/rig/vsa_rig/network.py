"""The rig's own network, on which every VPS has a fixed IPv4 and IPv6 address."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Iterable
from pathlib import Path

from ._shell import LABEL, docker, lock

__all__ = ["NETWORK", "addresses", "first_free", "has_ipv6", "network", "scope", "scoped"]

NETWORK = "vsa-rig"

#: Set aside for tests between hosts (RFC 2544): no address pool of an inner engine, and no office network, overlaps.
_IPV4 = ipaddress.IPv4Network("198.18.77.0/24")
_IPV6 = ipaddress.IPv6Network("fd76:7361:7269:67::/64")

#: The first address handed out; below it lie gateway and room for what a test sets up by hand.
_FIRST = 10


def scope() -> str:
    """What keeps several users of one engine apart, such as the demo and a test session: ``VSA_RIG_SCOPE``."""
    return os.environ.get("VSA_RIG_SCOPE", "")


def scoped(name: str, *, within: str | None = None) -> str:
    """``vsa-rig-<scope>-<name>``, or without scope ``vsa-rig-<name>``; the scope is the current one unless given."""
    return "-".join(part for part in ("vsa-rig", scope() if within is None else within, name) if part)


def network() -> str:
    """Make sure that the network exists; returns its name."""
    with lock("addresses"):
        if docker("network", "inspect", NETWORK, check=False).returncode == 0:
            return NETWORK
        argv = ["network", "create", "--label", LABEL, "--subnet", str(_IPV4)]
        # A VPS sends what the machine itself can send: larger packets would be lost on the way to the package mirror.
        argv += ["--opt", f"com.docker.network.driver.mtu={_machine_mtu()}"]
        ipv6 = ["--ipv6", "--subnet", str(_IPV6)]
        if docker(*argv, *ipv6, NETWORK, check=False).returncode:
            docker(*argv, NETWORK)
    return NETWORK


def has_ipv6() -> bool:
    """Whether the outer engine gave the network IPv6."""
    return docker("network", "inspect", "--format", "{{.EnableIPv6}}", NETWORK).stdout.strip() == "true"


def addresses() -> tuple[str, str]:
    """An (IPv4, IPv6) pair that no container of the rig has, running or not; IPv6 is empty without it.

    Call it under ``lock("addresses")`` and create the container before letting go.
    """
    host = first_free(_taken(), first=_FIRST)
    ipv6 = str(_IPV6[host]) if has_ipv6() else ""
    return str(_IPV4[host]), ipv6


def first_free(taken: Iterable[str], *, first: int) -> int:
    """The lowest host number from ``first`` on whose IPv4 address is not in ``taken``; raises IndexError when full."""
    used = set(taken)
    for host in range(first, _IPV4.num_addresses - 1):
        if str(_IPV4[host]) not in used:
            return host
    raise IndexError(f"all addresses of {_IPV4} are taken; make rig-down frees them")


def _taken() -> list[str]:
    names = docker("ps", "--all", "--quiet", "--filter", f"network={NETWORK}").stdout.split()
    if not names:
        return []
    # A container may vanish between the two calls: what is left is still listed.
    found = json.loads(docker("inspect", *names, check=False).stdout or "[]")
    taken = []
    for container in found:
        endpoint = container["NetworkSettings"]["Networks"].get(NETWORK) or {}
        taken += [(endpoint.get("IPAMConfig") or {}).get("IPv4Address"), endpoint.get("IPAddress")]
    return [address for address in taken if address]


def _machine_mtu() -> int:
    """The smallest MTU of this machine's interfaces that lead outside."""
    routes = Path("/proc/net/route").read_text().splitlines()[1:]
    defaults = {line.split()[0] for line in routes if line.split()[1] == "00000000"}
    sizes = [int(Path(f"/sys/class/net/{name}/mtu").read_text()) for name in defaults]
    return min(sizes, default=1500)
