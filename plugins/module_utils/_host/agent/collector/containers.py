# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of the host as a beat may show them. Environment, command, labels and mounts stay here.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...machine.cgroups import usage_of
from ...machine.docker import FOLDER_LABEL, SERVICE_LABEL
from ...machine.docker_reading import ReadingEngine
from ...store.layout import Paths
from ...store.stacks import known_stacks

__all__ = ("Inspection", "container_rows", "inspected", "usage_rows")

Inspection = Mapping[str, Any]
"""What the engine says of one container, in its own form."""

# A label is anybody's text. Only the name of a service may leave the host, and only that of a container of a stack.
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_NEVER = "0001-01-01"
_NANO = 1_000_000_000


def inspected(engine: ReadingEngine) -> list[Inspection]:
    """Return what the engine says of every container. RefusedError if it does not answer."""
    return list(engine.inspections())


def container_rows(found: Sequence[Inspection], paths: Paths) -> list[dict[str, Any]]:
    """Return the rows of the section ``containers``."""
    stacks = {f"/srv/{tenant}/{name}": (tenant, name) for tenant, name in known_stacks(paths)}
    return [_row(entry, stacks) for entry in found]


def usage_rows(found: Sequence[Inspection]) -> list[dict[str, Any]]:
    """Return the rows of the section ``usage``: one for each container with a process."""
    rows = []
    for entry in found:
        pid = int((entry.get("State") or {}).get("Pid") or 0)
        if pid:
            used = usage_of(pid)
            rows.append({"id": entry["Id"], "memory_bytes": used.memory, "cpu_seconds": used.cpu_seconds})
    return rows


def _row(entry: Inspection, stacks: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    state, host = entry.get("State") or {}, entry.get("HostConfig") or {}
    labels = (entry.get("Config") or {}).get("Labels") or {}
    tenant, stack = stacks.get(str(labels.get(FOLDER_LABEL)), (None, None))
    service = str(labels.get(SERVICE_LABEL) or "")
    status = str(state.get("Status") or "unknown")
    return {
        "id": entry["Id"],
        "name": str(entry["Name"]).lstrip("/"),
        "image": str((entry.get("Config") or {}).get("Image") or ""),
        "state": status,
        "health": (state.get("Health") or {}).get("Status"),
        "exit_code": None if status in ("running", "created", "paused") else state.get("ExitCode"),
        "restarts": entry.get("RestartCount"),
        "created_at": _time(entry.get("Created")),
        "started_at": _time(state.get("StartedAt")),
        "finished_at": _time(state.get("FinishedAt")),
        "memory_limit_bytes": host.get("Memory") or None,
        "cpus_limit": _cpus(host),
        "stack": stack,
        "service": service if stack and _SERVICE.fullmatch(service) else None,
        "tenant": tenant,
        "networks": sorted((entry.get("NetworkSettings") or {}).get("Networks") or {}),
        "published": _published((entry.get("NetworkSettings") or {}).get("Ports") or {}),
    }


def _time(value: object) -> str | None:
    text = str(value or "")
    return None if not text or text.startswith(_NEVER) else text


def _cpus(host: Mapping[str, Any]) -> float | None:
    if host.get("NanoCpus"):
        return round(float(host["NanoCpus"]) / _NANO, 3)
    if (host.get("CpuQuota") or 0) > 0:
        return round(float(host["CpuQuota"]) / float(host.get("CpuPeriod") or 100_000), 3)
    return None


def _published(ports: Mapping[str, Any]) -> list[str]:
    found = {
        f"{bind.get('HostIp')}:{bind.get('HostPort')}->{port}" for port, binds in ports.items() for bind in binds or ()
    }
    return sorted(found)
