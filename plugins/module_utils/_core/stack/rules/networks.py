# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which networks, ports, names and labels a stack may not have, because they are another tenant's or VSA's own.

Mappings are as ``docker compose config --format json`` writes them.
Source: https://docs.docker.com/reference/compose-file/networks/
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...finding import Finding
from ...networks import DOCKER_INSPECT, DOCKER_LIST, LOKI, contains_edge, is_edge_network, is_loopback
from ...reserved import is_reserved
from .catalogue import violation
from .facts import Facts

__all__ = ("judge_labels", "judge_names", "judge_networks", "judge_ports", "judge_project")

Config = Mapping[str, Any]

_OPTIONS = frozenset(
    {
        "com.docker.network.driver.mtu",
        "com.docker.network.bridge.enable_icc",
        "com.docker.network.bridge.enable_ip_masquerade",
    }
)
_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_LABELS = ("vsa.", "com.docker.compose.")
# Values of network_mode that name no network.
_MODES = ("", "none", "host")


def _services(config: Config) -> list[tuple[str, Mapping[str, Any]]]:
    return [(str(name), service or {}) for name, service in (config.get("services") or {}).items()]


# Networks


def judge_networks(config: Config, facts: Facts) -> Iterator[Finding]:
    """Yield networks that belong to somebody else, or whose options reach the host."""
    for key, entry in (config.get("networks") or {}).items():
        network = entry or {}
        name = str(network.get("name") or key)
        yield from _judge_network(name, facts, external=bool(network.get("external")))
        driver = network.get("driver")
        if driver not in (None, "", "bridge"):
            yield violation("network-driver", f"{name} {driver}", f"the network {name} has the driver {driver}")
        for option in network.get("driver_opts") or {}:
            if option not in _OPTIONS:
                yield violation("network-driver", f"{name} {option}", f"the network {name} sets {option}")
        yield from _judge_subnets(name, network.get("ipam") or {})
    for name, service in _services(config):
        mode = str(service.get("network_mode") or "")
        if mode not in _MODES and not mode.startswith(("service:", "container:")):
            yield from _judge_network(mode, facts, external=True, subject=f"{name} {mode}")


def _judge_network(name: str, facts: Facts, *, external: bool, subject: str = "") -> Iterator[Finding]:
    if name == "host":
        yield violation("host-network", subject or name, "the network is the host's")
    elif is_edge_network(name):
        if name not in facts.own_edges() or not external:
            text = f"the network {name} is an edge network; this stack's is {facts.own_edges()[-1]}, external"
            yield violation("foreign-network", subject or name, text)
    elif name == DOCKER_LIST:
        others = ", ".join(sorted(facts.others_on(name))) or "no other container"
        text = f"{name} shows the containers of all tenants, and reaches what else is on it: {others}"
        yield violation("docker-api", subject or name, text)
    elif name == DOCKER_INSPECT:
        yield violation("docker-inspect", subject or name, f"{name} shows all variables of all containers")
    elif name == LOKI:
        yield violation("foreign-network", subject or name, f"the logs of all tenants are read on {name}")
    elif name == "bridge":
        yield violation("foreign-network", subject or name, "the network bridge is shared by all tenants")
    elif name != "none" and name in facts.networks and not facts.has_network(name):
        yield violation("foreign-network", subject or name, f"the network {name} is there and belongs to somebody else")


def _judge_subnets(name: str, ipam: Mapping[str, Any]) -> Iterator[Finding]:
    if ipam.get("driver") not in (None, "", "default"):
        yield violation("network-driver", f"{name} ipam", f"the network {name} has the ipam driver {ipam['driver']}")
    for entry in ipam.get("config") or ():
        for key in ("subnet", "ip_range"):
            value = (entry or {}).get(key)
            if value and not _is_private(str(value)):
                text = f"the network {name} takes {value}: the host would no longer reach these addresses elsewhere"
                yield violation("network-subnet", f"{name} {value}", text)


def _is_private(text: str) -> bool:
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return any(found.version == allowed.version and found.subnet_of(allowed) for allowed in _PRIVATE)  # type: ignore[arg-type]


# Ports


def judge_ports(config: Config, facts: Facts) -> Iterator[Finding]:
    """Yield published ports that are neither on the host's loopback address nor declared in stack.yml."""
    for name, service in _services(config):
        for entry in service.get("ports") or ():
            port = entry if isinstance(entry, Mapping) else {"published": entry}
            address = str(port.get("host_ip") or "")
            published = str(port.get("published") or "")
            protocol = str(port.get("protocol") or "tcp")
            if is_loopback(address) or _declared(published, protocol, facts):
                continue
            shown = f"{address or '*'}:{published or 'any port'}/{protocol}"
            text = f"{name} publishes {shown}, which anybody can reach"
            yield violation("published-port", f"{name} {shown}", text)


def _declared(published: str, protocol: str, facts: Facts) -> bool:
    first, _dash, last = published.partition("-")
    if not first.isdigit() or (last and not last.isdigit()):
        return False
    wanted = range(int(first), int(last or first) + 1)
    return bool(wanted) and all((port, protocol) in facts.ports for port in wanted)


# Names


def judge_names(config: Config, facts: Facts) -> Iterator[Finding]:
    """Yield names that Docker's DNS would answer with instead of somebody else's container."""
    networks = {key: str((entry or {}).get("name") or key) for key, entry in (config.get("networks") or {}).items()}
    for service, entry in _services(config):
        explicit = _explicit_names(entry)
        container = str(entry.get("container_name") or "")
        for name in dict.fromkeys([service, *explicit]):
            if contains_edge(name):
                yield violation("edge-alias", f"{service} {name}", f"{service} has the name {name}")
            elif is_reserved(name.lower()) and (name in explicit or name.lower().startswith("vsa-")):
                yield violation("reserved-name", f"{service} {name}", f"{service} has the name {name}, which is VSA's")
        on = {networks.get(key, key) for key in _networks(entry)}
        for name in dict.fromkeys([service, container, *explicit, f"{facts.project}-{service}-1"]):
            owner = _owner(name, name in explicit, on, facts) if name else None
            if owner is not None:
                yield violation("foreign-name", f"{service} {name}", f"the name {name} of {service} is {owner}'s")


def _networks(service: Mapping[str, Any]) -> list[str]:
    found = service.get("networks")
    return [str(key) for key in found] if found else []


def _explicit_names(service: Mapping[str, Any]) -> list[str]:
    """Return the names that the Compose file gives a service besides its key."""
    networks = service.get("networks")
    ends = list(networks.values()) if isinstance(networks, Mapping) else []
    found = [str(alias) for end in ends for alias in (end or {}).get("aliases") or ()]
    hostname, domain = str(service.get("hostname") or ""), str(service.get("domainname") or "")
    found += [str(service.get("container_name") or ""), hostname, f"{hostname}.{domain}" if domain else ""]
    return [name for name in dict.fromkeys(found) if name]


def _owner(name: str, explicit: bool, on: set[str], facts: Facts) -> str | None:
    """Return the container of another stack that has a name already, None if the name is free."""
    for container in facts.containers:
        if facts.is_own(container):
            continue
        shared = [network for network in on if network in container.networks]
        same = container.name.lower() == name.lower()
        if same and (explicit or shared or name.startswith(f"{facts.project}-")):
            return container.name
        other_tenant = facts.tenant_of(container) != facts.tenant
        edges = [network for network in container.networks if is_edge_network(network)]
        places = [*shared, *edges] if other_tenant else []
        if explicit and any(_is_among(name, container.networks[network]) for network in places):
            return container.name
    return None


def _is_among(name: str, names: Iterable[str]) -> bool:
    """Say whether a name is one of some names for Docker's DNS, which ignores case."""
    return name.lower() in {other.lower() for other in names}


def judge_labels(config: Config) -> Iterator[Finding]:
    """Yield labels that VSA or Compose itself sets: by them both find what is theirs."""
    places = [(name, service.get("labels")) for name, service in _services(config)]
    places += [(name, (service.get("deploy") or {}).get("labels")) for name, service in _services(config)]
    for kind in ("networks", "volumes"):
        places += [(key, (entry or {}).get("labels")) for key, entry in (config.get(kind) or {}).items()]
    for name, labels in places:
        keys = labels if isinstance(labels, Mapping) else [str(entry).partition("=")[0] for entry in labels or ()]
        for key in keys:
            if str(key).startswith(_LABELS):
                yield violation("reserved-label", f"{name} {key}", f"{name} has the label {key}")
    for name, service in _services(config):
        ends = service.get("networks")
        for end in ends.values() if isinstance(ends, Mapping) else ():
            for key in (end or {}).get("driver_opts") or {}:
                yield violation("network-driver", f"{name} {key}", f"{name} sets {key} at its connection to a network")


def judge_project(facts: Facts) -> Iterator[Finding]:
    """Yield why the stack's Compose project is somebody else's."""
    for name in dict.fromkeys([facts.name, facts.project]):
        if is_reserved(name):
            yield violation("reserved-name", name, f"the stack's name {name} is VSA's own")
    running = {entry.folder for entry in facts.containers if entry.project == facts.project}
    others = facts.folders_of(facts.project)
    taken = running - {facts.folder} or (set() if running else others - {facts.folder})
    for folder in sorted(taken):
        text = f"the Compose project {facts.project} is the one of {folder or 'another program'}"
        yield violation("foreign-project", folder or facts.project, text)
