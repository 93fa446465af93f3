# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service may not take from the host's kernel: namespaces, capabilities, devices, limits, and unknown keys.

A service is a mapping as ``docker compose config --format json`` writes it.
Source: https://docs.docker.com/reference/compose-file/services/
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...finding import Finding
from .catalogue import violation

__all__ = ("KNOWN_KEYS", "judge_kernel")

Service = Mapping[str, Any]

# Docker's default set without NET_RAW, which can forge packets, and IPC_LOCK, which databases use to lock their memory.
_CAPABILITIES = frozenset(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID IPC_LOCK KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID"
    " SYS_CHROOT".split()
)
_SECURITY = frozenset({"no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"})
_SYSCTLS = ("net.", "kernel.shm", "kernel.msg", "fs.mqueue.")
_LOG_DRIVERS = frozenset({"", "json-file", "local", "journald", "none"})

# The key that gives a service a namespace of the host, and the finding.
_HOST_NAMESPACES = {
    "pid": "host-pid",
    "ipc": "host-ipc",
    "network_mode": "host-network",
    "uts": "host-uts",
    "userns_mode": "host-userns",
    "cgroup": "cgroup",
}
# Keys that no value makes harmless, if they are set.
_NEVER_SET = {
    "cgroup_parent": "cgroup",
    "cpu_rt_period": "cgroup",
    "cpu_rt_runtime": "cgroup",
    "credential_spec": "credential-spec",
    "device_cgroup_rules": "device",
    "devices": "device",
    "gpus": "device",
    "oom_kill_disable": "oom",
    "privileged": "privileged",
    "provider": "provider",
    "use_api_socket": "docker-socket",
}
# Keys that stay inside the container, or that only limit the container. VSA never runs `compose watch` (develop).
_HARMLESS = frozenset(
    "attach blkio_config build cap_drop command configs container_name cpu_count cpu_percent cpu_period cpu_quota"
    " cpu_shares cpus cpuset depends_on develop dns dns_opt dns_search domainname entrypoint env_file environment"
    " expose extends external_links extra_hosts group_add healthcheck hostname image init isolation label_file labels"
    " links mac_address mem_limit mem_reservation mem_swappiness memswap_limit networks pids_limit platform ports"
    " profiles pull_policy read_only restart scale secrets shm_size stdin_open stop_grace_period stop_signal"
    " storage_opt tmpfs tty user volumes volumes_from working_dir".split()
)
_JUDGED = frozenset(
    "cap_add deploy logging oom_score_adj post_start pre_stop runtime security_opt sysctls ulimits".split()
)
KNOWN_KEYS = _HARMLESS | _JUDGED | frozenset(_HOST_NAMESPACES) | frozenset(_NEVER_SET)
"""The keys of a service that the policy knows. Compose gets new keys; an unknown key is a finding."""

_DEPLOY_KEYS = frozenset(
    "endpoint_mode labels mode placement replicas resources restart_policy rollback_config update_config".split()
)


def judge_kernel(name: str, service: Service) -> Iterator[Finding]:
    """Yield what a service takes from the host's kernel."""
    for key, value in service.items():
        if key not in KNOWN_KEYS and not key.startswith("x-"):
            yield violation("unknown-key", f"{name} {key}", f"the key {key} is unknown to this VSA")
        elif key in _NEVER_SET and value not in (None, False, [], {}, ""):
            yield violation(_NEVER_SET[key], f"{name} {key}", f"{key} is set")
        elif key in _HOST_NAMESPACES and value == "host":
            yield violation(_HOST_NAMESPACES[key], f"{name} {key}", f"{key} is host")
    yield from _shared_namespaces(name, service)
    yield from _capabilities(name, service)
    yield from _options(name, service)
    yield from _hooks(name, service)
    yield from _deploy(name, service.get("deploy") or {})


def _shared_namespaces(name: str, service: Service) -> Iterator[Finding]:
    """Yield the namespaces of containers that are no service of the same file."""
    for key in ("pid", "ipc", "network_mode"):
        value = str(service.get(key) or "")
        if value.startswith("container:"):
            yield violation("foreign-container", f"{name} {value}", f"{key} is {value}")
    for source in service.get("volumes_from") or ():
        if str(source).startswith("container:"):
            yield violation("foreign-container", f"{name} {source}", f"volumes_from names {source}")
    for link in service.get("external_links") or ():
        yield violation("foreign-container", f"{name} {link}", f"external_links names {link}")


def _capabilities(name: str, service: Service) -> Iterator[Finding]:
    for value in service.get("cap_add") or ():
        capability = str(value).upper().removeprefix("CAP_")
        if capability not in _CAPABILITIES:
            yield violation("capability", f"{name} {capability}", f"cap_add has {capability}")


def _options(name: str, service: Service) -> Iterator[Finding]:
    """Yield the options that weaken the container's protection, or that act on the host."""
    for option in service.get("security_opt") or ():
        if str(option).lower() not in _SECURITY:
            yield violation("security-opt", f"{name} {option}", f"security_opt has {option}")
    for key in _names(service.get("sysctls")):
        if not key.startswith(_SYSCTLS) and key != "kernel.sem":
            yield violation("sysctl", f"{name} {key}", f"the sysctl {key} belongs to the whole host")
    for key in _names(service.get("ulimits")):
        if key in ("nice", "rtprio"):
            yield violation("ulimit", f"{name} {key}", f"the ulimit {key} takes CPU time from others")
    runtime = service.get("runtime")
    if runtime not in (None, "", "runc"):
        yield violation("runtime", f"{name} {runtime}", f"runtime is {runtime}")
    score = service.get("oom_score_adj") or 0
    if not isinstance(score, int) or score < 0:
        yield violation("oom", f"{name} oom_score_adj", f"oom_score_adj is {score}: others are killed first")
    driver = str((service.get("logging") or {}).get("driver") or "")
    if driver not in _LOG_DRIVERS:
        yield violation("log-driver", f"{name} {driver}", f"the log driver {driver} connects from the host itself")


def _names(value: object) -> list[str]:
    """Return the keys of a mapping, or of a list of NAME=VALUE."""
    if isinstance(value, Mapping):
        return [str(key) for key in value]
    return [str(entry).partition("=")[0] for entry in value] if isinstance(value, list) else []


def _hooks(name: str, service: Service) -> Iterator[Finding]:
    for key in ("post_start", "pre_stop"):
        for hook in service.get(key) or ():
            if isinstance(hook, Mapping) and hook.get("privileged"):
                yield violation("privileged", f"{name} {key}", f"a command of {key} is privileged")


def _deploy(name: str, deploy: Mapping[str, Any]) -> Iterator[Finding]:
    for key in deploy:
        if key not in _DEPLOY_KEYS and not key.startswith("x-"):
            yield violation("unknown-key", f"{name} deploy.{key}", f"the key deploy.{key} is unknown to this VSA")
    reservations = (deploy.get("resources") or {}).get("reservations") or {}
    if reservations.get("devices"):
        yield violation("device", f"{name} deploy.resources", "deploy.resources reserves devices of the host")
