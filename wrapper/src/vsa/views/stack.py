"""Show stacks, their containers and their logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from vsa.ansible.report import HostResult
from vsa.output.text import clean
from vsa.views.common import hosts_without_result, listing

__all__ = ("container_table", "log_lines", "stack_table")


def stack_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``stack list``."""
    return listing(
        hosts,
        "stacks",
        [
            ("STACK", lambda stack: stack.get("name")),
            ("STATE", lambda stack: stack.get("state")),
            ("TENANT", lambda stack: stack.get("tenant")),
            ("CONTAINERS", lambda stack: [container.get("name") for container in stack.get("containers") or ()]),
        ],
    )


def container_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``stack ps``: a row for each container of each stack."""
    flat = {name: _with_containers(host) for name, host in hosts.items()}
    return listing(
        flat,
        "containers",
        [
            ("STACK", lambda entry: entry.get("stack")),
            ("CONTAINER", lambda entry: entry.get("name")),
            ("STATE", lambda entry: entry.get("state")),
            ("HEALTH", lambda entry: entry.get("health")),
            ("IMAGE", lambda entry: entry.get("image")),
            ("STARTED", lambda entry: entry.get("started_at")),
        ],
    )


def log_lines(hosts: Mapping[str, HostResult]) -> Group:
    """Return the lines of ``stack logs``, each after its container's name."""
    parts: list[Any] = []
    for name, host in hosts.items():
        for entry in host.payload.get("logs") or ():
            prefix = f"{name}  " if len(hosts) > 1 else ""
            for line in entry.get("lines") or ():
                text = Text(f"{prefix}{clean(entry.get('container') or '')}  ", style="dim")
                parts.append(text.append(clean(line), style="default not dim"))
    return Group(*parts, *hosts_without_result(hosts))


def _with_containers(host: HostResult) -> HostResult:
    rows = [
        {"stack": stack.get("name"), **container}
        for stack in host.payload.get("stacks") or ()
        for container in stack.get("containers") or ()
    ]
    payload = {**host.payload, "containers": rows} if host.payload else {}
    return HostResult(payload=payload, error=host.error, exit_code=host.exit_code)
