"""The rig's own network, on which every VPS has a fixed IPv4 and IPv6 address."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ._shell import LABEL, RigError, docker, lock

__all__ = ["NETWORK", "addresses", "first_apart", "first_free", "machine_networks", "network", "scope", "scoped"]

NETWORK = "vsa-rig"

#: Networks for tests between hosts (RFC 2544): no address pool of an inner engine, and no office network, overlaps.
#: There are several, because this machine may itself be a VPS of a rig.
_IPV4 = [ipaddress.IPv4Network(f"198.18.{number}.0/24") for number in range(77, 93)]
_IPV6 = [ipaddress.IPv6Network(f"fd76:7361:7269:{number}::/64") for number in range(77, 93)]

#: The first address handed out; below it lie gateway and room for what a test sets up by hand.
_FIRST = 10


def scope() -> str:
    """Return ``VSA_RIG_SCOPE``, which separates several users of one engine, such as the demo and a test session."""
    return os.environ.get("VSA_RIG_SCOPE", "")


def scoped(name: str, *, within: str | None = None) -> str:
    """``vsa-rig-<scope>-<name>``, or without scope ``vsa-rig-<name>``; the scope is the current one unless given."""
    return "-".join(part for part in ("vsa-rig", scope() if within is None else within, name) if part)


def network() -> str:
    """Make sure that the network exists, and return its name."""
    with lock("addresses"):
        if docker("network", "inspect", NETWORK, check=False).returncode == 0:
            return NETWORK
        choice = first_apart(_IPV4, machine_networks(Path("/proc/net/route").read_text()))
        argv = ["network", "create", "--label", LABEL, "--subnet", str(_IPV4[choice])]
        # A VPS gets the MTU of the machine: larger packets would be lost on the way to the package mirror.
        argv += ["--opt", f"com.docker.network.driver.mtu={_machine_mtu()}"]
        ipv6 = ["--ipv6", "--subnet", str(_IPV6[choice])]
        if docker(*argv, *ipv6, NETWORK, check=False).returncode:
            docker(*argv, NETWORK)
    return NETWORK


def addresses() -> tuple[str, str]:
    """Return an (IPv4, IPv6) pair that no container of the rig has, running or not. IPv6 is empty if the rig has none.

    Call it under ``lock("addresses")`` and create the container before letting go.
    """
    form = "{{range .IPAM.Config}}{{.Subnet}} {{end}}"
    subnets = docker("network", "inspect", "--format", form, NETWORK).stdout.split()
    ipv4 = next(ipaddress.IPv4Network(subnet) for subnet in subnets if ":" not in subnet)
    host = first_free(ipv4, _taken(), first=_FIRST)
    return str(ipv4[host]), next((str(ipaddress.IPv6Network(subnet)[host]) for subnet in subnets if ":" in subnet), "")


def first_free(subnet: ipaddress.IPv4Network, taken: Iterable[str], *, first: int) -> int:
    """The lowest host number of ``subnet``, from ``first``, whose address is free; raises RigError when none is."""
    used = set(taken)
    for host in range(first, subnet.num_addresses - 1):
        if str(subnet[host]) not in used:
            return host
    raise RigError(f"all addresses of {subnet} are taken; make rig-down frees them")


def first_apart(candidates: Sequence[ipaddress.IPv4Network], used: Iterable[ipaddress.IPv4Network]) -> int:
    """The index of the first candidate that overlaps none of ``used``; raises RigError if every candidate overlaps."""
    routed = list(used)
    for index, candidate in enumerate(candidates):
        if not any(candidate.overlaps(network) for network in routed):
            return index
    raise RigError(f"this machine has routes to {candidates[0]} … {candidates[-1]}: no room for the rig's network")


def machine_networks(table: str) -> list[ipaddress.IPv4Network]:
    """Return the networks of a routing table in the form of /proc/net/route, without the default route."""
    found = []
    for line in table.splitlines()[1:]:
        _, destination, _, _, _, _, _, mask, *_ = line.split()
        address, bits = (int.from_bytes(bytes.fromhex(word), "little") for word in (destination, mask))
        if bits:
            found.append(ipaddress.IPv4Network((address, bits.bit_count())))
    return found


def _taken() -> list[str]:
    names = docker("ps", "--all", "--quiet", "--filter", f"network={NETWORK}").stdout.split()
    if not names:
        return []
    # A container may vanish between the two calls: the others are still listed.
    found = json.loads(docker("inspect", *names, check=False).stdout or "[]")
    taken = []
    for container in found:
        endpoint = container["NetworkSettings"]["Networks"].get(NETWORK) or {}
        taken += [(endpoint.get("IPAMConfig") or {}).get("IPv4Address"), endpoint.get("IPAddress")]
    return [address for address in taken if address]


def _machine_mtu() -> int:
    """Return the smallest MTU of the interfaces with a default route."""
    routes = Path("/proc/net/route").read_text().splitlines()[1:]
    defaults = {line.split()[0] for line in routes if line.split()[1] == "00000000"}
    sizes = [int(Path(f"/sys/class/net/{name}/mtu").read_text()) for name in defaults]
    return min(sizes, default=1500)
