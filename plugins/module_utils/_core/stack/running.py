# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of stacks over containers that run, whoever started them.

What ``docker inspect`` says is translated into a service of a Compose file, so that the same rules judge both.
Source: https://docs.docker.com/reference/api/engine/version/v1.45/#tag/Container/operation/ContainerInspect
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..finding import Finding
from ..networks import DOCKER_INSPECT, DOCKER_LIST, EDGE, LOKI, contains_edge, edge_network, is_edge_network
from ..reserved import RESERVED, is_own_name, is_reserved
from .rules.catalogue import violation
from .rules.facts import PLATFORM, Facts, KnownContainer
from .rules.files import judge_mounts
from .rules.kernel import judge_kernel
from .rules.networks import judge_ports

__all__ = ("as_service", "is_own", "judge_running")

_SERVICE = "com.docker.compose.service"
_PROJECT = "com.docker.compose.project"
_ONCE = "vsa.once"
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  compared, never bound


def is_own(container: KnownContainer, labels: Mapping[str, str], *, srv: str = "/srv") -> bool:
    """Say whether a container is VSA's own: it belongs to a stack of the collection, or runs one command for VSA.

    Labels are not enough. Docker gives a container the labels of its image too, and anybody can make an image.
    """
    own_folder = container.folder == f"{srv}/{PLATFORM}/{container.project}"
    own_labels = (container.project in RESERVED and own_folder) or _ONCE in labels
    return own_labels and is_own_name(container.name)


def as_service(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container as a service of a Compose file, with what reaches beyond the container."""
    host = attrs.get("HostConfig") or {}
    return {
        "privileged": host.get("Privileged"),
        "pid": _mode(host.get("PidMode")),
        "ipc": _mode(host.get("IpcMode")),
        "uts": host.get("UTSMode"),
        "userns_mode": host.get("UsernsMode"),
        "network_mode": _mode(host.get("NetworkMode")),
        "devices": host.get("Devices"),
        "gpus": host.get("DeviceRequests"),
        "device_cgroup_rules": host.get("DeviceCgroupRules"),
        "cap_add": host.get("CapAdd"),
        # Docker itself adds such an option to a privileged container.
        "security_opt": [] if host.get("Privileged") else host.get("SecurityOpt"),
        "sysctls": host.get("Sysctls"),
        "ulimits": {str(entry.get("Name")): entry for entry in host.get("Ulimits") or ()},
        "runtime": host.get("Runtime"),
        "oom_score_adj": host.get("OomScoreAdj"),
        "oom_kill_disable": host.get("OomKillDisable"),
        "cgroup_parent": host.get("CgroupParent"),
        "logging": {"driver": (host.get("LogConfig") or {}).get("Type")},
        "volumes": [_mount(entry) for entry in attrs.get("Mounts") or () if entry.get("Type") == "bind"],
        "ports": list(_ports(host.get("PortBindings") or {})),
    }


def _mode(value: object) -> str | None:
    """Return a mode that names the host. Compose writes a service of the same file as the id of a container."""
    return "host" if value == "host" else None


def _mount(entry: Mapping[str, Any]) -> dict[str, Any]:
    propagation = entry.get("Propagation")
    return {
        "type": "bind",
        "source": entry.get("Source"),
        "read_only": not entry.get("RW"),
        # Docker writes rslave for a mount of a directory that holds its own data.
        "bind": {"propagation": None if propagation == "rslave" else propagation},
    }


def _ports(bindings: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for place, entries in bindings.items():
        for entry in entries or ():
            address = str(entry.get("HostIp") or "")
            yield {
                "host_ip": "" if address in _EVERYWHERE else address,
                "published": str(entry.get("HostPort") or ""),
                "protocol": place.partition("/")[2] or "tcp",
            }


def judge_running(
    attrs: Mapping[str, Any], container: KnownContainer, facts: Facts, *, allowed: Collection[tuple[str, str]] = ()
) -> list[Finding]:
    """Return what a container has that the policy refuses, without the findings that are ``allowed`` for its stack.

    ``facts`` are those of the container's stack. A container without a stack has no folder and no declared port.
    """
    labels = (attrs.get("Config") or {}).get("Labels") or {}
    service = str(labels.get(_SERVICE) or container.name)
    config = {"services": {service: as_service(attrs)}}
    found = [*judge_kernel(service, config["services"][service]), *judge_mounts(config, facts)]
    found += [*judge_ports(config, facts), *_names(service, container), *_networks(container, facts)]
    found += _labels(service, container, labels)
    return [finding for finding in dict.fromkeys(found) if (finding.name, finding.subject) not in allowed]


def _labels(service: str, container: KnownContainer, labels: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the labels by which a container passes for one of VSA's own."""
    claimed = [_PROJECT] if container.project in RESERVED else []
    claimed += [_ONCE] if _ONCE in labels else []
    for label in claimed:
        text = f"{service} has the label {label} of VSA's own containers, perhaps from its image"
        yield violation("reserved-label", f"{service} {label}", text)


def _names(service: str, container: KnownContainer) -> Iterator[Finding]:
    names = {container.name}.union(*container.networks.values())
    for name in sorted(names):
        if contains_edge(name):
            yield violation("edge-alias", f"{service} {name}", f"{service} has the name {name}")
    if is_reserved(container.name.lower()):
        yield violation("reserved-name", f"{service} {container.name}", f"the name {container.name} is VSA's")


def _networks(container: KnownContainer, facts: Facts) -> Iterator[Finding]:
    """Yield the networks that a container shares with another tenant. A container that nobody owns has no tenant."""
    if DOCKER_LIST in container.networks:
        yield violation("docker-api", DOCKER_LIST, f"{container.name} reads the containers of all tenants")
    if DOCKER_INSPECT in container.networks:
        yield violation("docker-inspect", DOCKER_INSPECT, f"{container.name} reads all variables of all containers")
    if LOKI in container.networks:
        yield violation("foreign-network", LOKI, f"{container.name} reads the logs of all tenants")
    tenant = facts.tenant_of(container)
    edges = [name for name in container.networks if is_edge_network(name)]
    if tenant is None:
        for name in sorted(edges) if len(edges) > 1 else ():
            yield violation(
                "foreign-network", name, f"a container that is no tenant's is on {name} and other edge networks"
            )
        return
    own = {edge_network(tenant), *((EDGE,) if tenant == PLATFORM else ())}
    for name in sorted(set(edges) - own):
        yield violation("foreign-network", name, f"a container of {tenant} is on {name}")
    for name in sorted(
        set(container.networks) - set(edges) - {"bridge", "host", "none", DOCKER_LIST, DOCKER_INSPECT, LOKI}
    ):
        others = [entry for entry in facts.containers if name in entry.networks and not is_reserved(entry.name)]
        tenants = {facts.tenant_of(entry) for entry in others} - {tenant, None}
        if tenants:
            shown = ", ".join(sorted(map(str, tenants)))
            yield violation("foreign-network", name, f"a container of {tenant} is on {name} with containers of {shown}")
