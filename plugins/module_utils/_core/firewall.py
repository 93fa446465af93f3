# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall of a host: what containers and other hosts may reach, as text for iptables-restore.

The rules stand in chains of their own, which one transaction of the kernel replaces. Docker never touches the chains of
other programs, so a restart of Docker changes nothing; in the table filter the chain DOCKER-USER is the operator's.

* Another host reaches a container only by a published port. (Docker says so only if it switched forwarding on itself.)
* A packet that comes from a network of Docker has a source address of that network, also between two containers of the
  same network (with the kernel module br_netfilter). So nobody has the proxy answer to a container of somebody else.
* A container does not say which way packets go: router advertisements and redirects are dropped.
* A container does not reach the metadata addresses of providers, and of the host itself only some ports.
* A container reaches every site of the host by the site's public name. Docker would drop these packets, because they go
  from one of its networks to another.
* No container reaches the sites by the host's address in the container's own network. This is the only address that a
  container of an internal network reaches, and an internal network has no way out: not to the site of somebody else.

Source: https://docs.docker.com/engine/network/packet-filtering-firewalls/, iptables-extensions(8).
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .networks import ENTRY_BRIDGE

__all__ = ("JUMPS", "METADATA", "FirewallPolicy", "Opening", "is_docker_bridge", "missing_rules", "rules")

METADATA = {4: ("169.254.169.254",), 6: ("fd00:ec2::254", "fe80::a9fe:a9fe", "fd20:ce::254")}
"""The metadata addresses of providers: EC2, OpenStack and Google. An instance's secrets may be read there."""

JUMPS = (
    ("raw", "PREROUTING", "VSA-PREROUTING"),
    ("mangle", "INPUT", "VSA-INPUT"),
    ("mangle", "FORWARD", "VSA-FORWARD"),
    ("filter", "DOCKER-USER", "VSA-USER"),
)
"""Table, chain, and the chain of ours to which the first rule of that chain leads."""

# The names that Docker gives to bridges; iptables knows no better wildcard than br-+.
_NAMED_BY_DOCKER = re.compile(r"br-[0-9a-f]{12}")
_ANY_BRIDGE = "br-+"
_ICMP = {4: "icmp", 6: "ipv6-icmp"}
# What only a router says: which way packets go. No container is a router.
_ROUTERS_ONLY = {
    4: ("-p icmp --icmp-type redirect",),
    6: ("-p ipv6-icmp --icmpv6-type router-advertisement", "-p ipv6-icmp --icmpv6-type redirect"),
}
_ESTABLISHED = "-m conntrack --ctstate RELATED,ESTABLISHED"
_MOST_PORTS = 15  # of the match multiport
_SITES = "-m multiport --dports 80,443 -j DROP"
# Addresses of the host that need no route: the one on the bridge itself, and those that all hosts there have.
# The default network is never internal, and the address of its bridge is host.docker.internal.
_WITHOUT_ROUTE = {
    4: (
        "! -i docker0 -m addrtype --dst-type LOCAL --limit-iface-in",
        "! -i docker0 -m addrtype --dst-type MULTICAST",
        "! -i docker0 -m addrtype --dst-type BROADCAST",
    ),
    6: ("-m addrtype --dst-type LOCAL --limit-iface-in", "-m addrtype --dst-type MULTICAST"),
}


@dataclass(frozen=True)
class Opening:
    """Ports of the host that the containers on one bridge reach besides those that every container reaches."""

    bridge: str
    ports: tuple[int, ...]


@dataclass(frozen=True)
class FirewallPolicy:
    """What the firewall closes, and for which interfaces.

    * ``metadata_closed``: containers do not reach the metadata addresses.
    * ``host_ports``: the ports of the host that every container reaches; None if they reach all, also those of the
      sites by every address.
    * ``openings``: what stacks declare besides.
    * ``bridges``: bridges of Docker networks whose names an operator chose.
    * ``foreign``: bridges that are not Docker's though their names begin as Docker's do (``br-lan``).
    """

    metadata_closed: bool = True
    host_ports: tuple[int, ...] | None = (80, 443)
    openings: tuple[Opening, ...] = ()
    bridges: tuple[str, ...] = ()
    foreign: tuple[str, ...] = field(default=())


def is_docker_bridge(name: str) -> bool:
    """Say whether a bridge has a name as Docker gives it."""
    return bool(_NAMED_BY_DOCKER.fullmatch(name)) or name in ("docker0", ENTRY_BRIDGE)


def rules(policy: FirewallPolicy, family: int) -> str:
    """Return the rules of one family, 4 or 6, as text for iptables-restore with ``--noflush``."""
    bridges = list(dict.fromkeys((_ANY_BRIDGE, ENTRY_BRIDGE, "docker0", *policy.bridges)))
    tables = {
        "raw": _raw(policy, family, bridges),
        "mangle": _mangle(policy, family, bridges),
        "filter": {"VSA-USER": _user(bridges)},
    }
    lines = ["# Written by vsa (docs/adr/0010). Loaded by vsa-firewall.service."]
    for table, chains in tables.items():
        lines.append(f"*{table}")
        lines += [f":{chain} - [0:0]" for chain in chains]
        lines += [f"-A {chain} {rule}" for chain, found in chains.items() for rule in found]
        lines.append("COMMIT")
    return "".join(f"{line}\n" for line in lines)


def _raw(policy: FirewallPolicy, family: int, bridges: list[str]) -> dict[str, list[str]]:
    return {"VSA-PREROUTING": _entry(policy, bridges, "VSA-FROM"), "VSA-FROM": _from(policy, family)}


def _entry(policy: FirewallPolicy, bridges: list[str], chain: str) -> list[str]:
    """Return the rules that send what comes from a container to a chain."""
    return [f"-i {name} -j RETURN" for name in policy.foreign] + [f"-i {name} -g {chain}" for name in bridges]


def _from(policy: FirewallPolicy, family: int) -> list[str]:
    found = ["-m rpfilter --invert -j DROP", *(f"{match} -j DROP" for match in _ROUTERS_ONLY[family])]
    if policy.metadata_closed:
        found += [f"-d {address} -j DROP" for address in METADATA[family]]
    if policy.host_ports is not None:
        found += [f"{match} -p {protocol} {_SITES}" for match in _WITHOUT_ROUTE[family] for protocol in ("tcp", "udp")]
    return found


def _mangle(policy: FirewallPolicy, family: int, bridges: list[str]) -> dict[str, list[str]]:
    return {
        "VSA-INPUT": _entry(policy, bridges, "VSA-TO-HOST"),
        "VSA-TO-HOST": _to_host(policy, family),
        "VSA-FORWARD": [
            f"{_ESTABLISHED} -j RETURN",
            *(f"-i {name} -g VSA-FROM-OUTSIDE" for name in policy.foreign),
            *(f"-i {name} -j RETURN" for name in bridges),
            "-g VSA-FROM-OUTSIDE",
        ],
        "VSA-FROM-OUTSIDE": [
            "-m conntrack --ctstate DNAT -j RETURN",
            *(f"-o {name} -j RETURN" for name in policy.foreign),
            *(f"-o {name} -j DROP" for name in bridges),
        ],
    }


def _to_host(policy: FirewallPolicy, family: int) -> list[str]:
    if policy.host_ports is None:
        return []
    found = [f"{_ESTABLISHED} -j RETURN", f"-p {_ICMP[family]} -j RETURN"]
    found += _ports("", policy.host_ports)
    for opening in policy.openings:
        found += _ports(f"-i {opening.bridge} ", opening.ports)
    return [*found, "-j DROP"]


def _ports(match: str, ports: Iterable[int]) -> list[str]:
    wanted = sorted(set(ports))
    found = []
    for start in range(0, len(wanted), _MOST_PORTS):
        names = ",".join(str(port) for port in wanted[start : start + _MOST_PORTS])
        found += [f"{match}-p {protocol} -m multiport --dports {names} -j RETURN" for protocol in ("tcp", "udp")]
    return found


def _user(bridges: list[str]) -> list[str]:
    """Return the rules that let containers reach the proxy's published ports, and the proxy answer."""
    found = []
    for name in bridges:
        if name == ENTRY_BRIDGE:
            continue
        published = f"-i {name} -o {ENTRY_BRIDGE} -m conntrack --ctstate DNAT"
        found += [
            f"-i {ENTRY_BRIDGE} -o {name} {_ESTABLISHED} -j ACCEPT",
            f"{published} -p tcp -m multiport --dports 80,443 -j ACCEPT",
            f"{published} -p udp -m multiport --dports 443 -j ACCEPT",
        ]
    return found


def missing_rules(text: str, saved: str) -> list[str]:
    """Return what the kernel lacks of these rules: jumps, and chains that have another number of rules.

    ``saved`` is what iptables-save prints. The kernel writes rules in another form, so their number is compared.
    """
    counts = _counts(saved)
    lacking = [f"{table} {chain}" for table, chain, own in JUMPS if not _has_jump(saved, table, chain, own)]
    lacking += [
        f"{table} {chain}" for (table, chain), count in _counts(text).items() if counts.get((table, chain)) != count
    ]
    return lacking


def _lines(saved: str) -> Iterable[tuple[str, str]]:
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        else:
            yield table, line.strip()


def _counts(saved: str) -> Mapping[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for table, line in _lines(saved):
        words = line.split()
        if line.startswith(":VSA-"):
            counts.setdefault((table, words[0][1:]), 0)
        elif line.startswith("-A VSA-"):
            counts[table, words[1]] = counts.get((table, words[1]), 0) + 1
    return counts


def _has_jump(saved: str, table: str, chain: str, own: str) -> bool:
    return (table, f"-A {chain} -j {own}") in set(_lines(saved))
