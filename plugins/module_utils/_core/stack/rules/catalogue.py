# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings that the policy of stacks knows: a stable name, what it protects, and what is allowed instead.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...finding import WARNING, Finding

__all__ = ("NAMES", "NEVER", "remedy_of", "violation")


@dataclass(frozen=True)
class _Rule:
    """What is allowed instead, and why no operator may allow the finding for a stack; empty if one may."""

    remedy: str
    never: str = ""


_OWN_NAMESPACE = "leave the key out: the container gets a namespace of its own"
_RULES: dict[str, _Rule] = {
    # The kernel of the host
    "privileged": _Rule("leave the key out, and add the single capability that the service needs by cap_add"),
    "capability": _Rule("capabilities of Docker's default set except NET_RAW, and IPC_LOCK"),
    "cgroup": _Rule("mem_limit, cpus and pids_limit of the service itself"),
    "credential-spec": _Rule("a secret of the Compose file"),
    "device": _Rule("no device of the host; GPUs are devices too"),
    "host-ipc": _Rule(_OWN_NAMESPACE),
    "host-network": _Rule("a network of the stack, and ports on 127.0.0.1"),
    "host-pid": _Rule(_OWN_NAMESPACE),
    "host-userns": _Rule(_OWN_NAMESPACE),
    "host-uts": _Rule(_OWN_NAMESPACE),
    "log-driver": _Rule("json-file, local, journald or none"),
    "oom": _Rule("oom_score_adj of 0 or more"),
    "provider": _Rule("an image: a provider is a program of the host"),
    "runtime": _Rule("the engine's default runtime"),
    "security-opt": _Rule("no-new-privileges:true"),
    "sysctl": _Rule("sysctls of the container itself: net.*, kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*"),
    "ulimit": _Rule("ulimits other than nice and rtprio"),
    "unknown-key": _Rule("the keys of the Compose specification that this VSA knows"),
    # Files of the host
    "bind-nested": _Rule("a folder that no other mount of the stack contains"),
    "bind-outside": _Rule("a path below the stack's own folder (./data), or a named volume"),
    "bind-propagation": _Rule("rprivate or private, which is the default"),
    "docker-api": _Rule("no reader of Docker: the list shows names, images and labels of all tenants' containers"),
    "docker-inspect": _Rule("list instead of inspect", never="the stack would read every password of every tenant"),
    "docker-socket": _Rule("no access to the engine: whoever has its socket is root on the host"),
    "file-outside": _Rule("a file in the stack's own folder, by a relative path without variables"),
    "volume-driver": _Rule("driver local without options, a tmpfs, or a bind below the stack's own folder"),
    # Builds
    "build": _Rule("a build from the stack's own folder, without the host's network, caches and keys"),
    "foreign-image": _Rule("an image name of the stack's own"),
    # Other tenants, and VSA itself
    "edge-alias": _Rule("a name without flowbiz_ext in it"),
    "foreign-container": _Rule("services of the same Compose file"),
    "foreign-name": _Rule("a name that no other stack has"),
    "foreign-network": _Rule("the stack's own networks, and its tenant's edge network as an external network"),
    "foreign-project": _Rule(
        "another name for this stack, or the other stack removed with its folder",
        never="the stack would remove what belongs to somebody else",
    ),
    "foreign-volume": _Rule("volumes of the stack's own"),
    "network-driver": _Rule("driver bridge without options, except its MTU, enable_icc and enable_ip_masquerade"),
    "network-subnet": _Rule("a private range, or no ipam at all: Docker then takes a free range"),
    "published-port": _Rule("a port on 127.0.0.1, a site, or the port in the field ports of stack.yml"),
    "reserved-label": _Rule("labels without the prefixes vsa. and com.docker.compose."),
    "reserved-name": _Rule("a name that is none of VSA's own, and without the prefix vsa-"),
}  # fmt: skip

NAMES = tuple(sorted(_RULES))
"""The names of all findings. A name never changes: operators allow a finding by its name, and hosts keep that."""

NEVER = {name: rule.never for name, rule in _RULES.items() if rule.never}
"""Findings that nobody can allow, each with the reason."""


def remedy_of(name: str) -> str:
    """Return what is allowed instead of a finding."""
    return _RULES[name].remedy


def violation(name: str, subject: str, text: str) -> Finding:
    """Return a finding of the policy.

    ``subject`` is the service, network or volume with the object that is wrong (``web /etc``): name and subject
    together say what an operator allows, so neither may depend on anything but the Compose file.
    """
    return Finding(name, WARNING, subject, text, _RULES[name].remedy)
