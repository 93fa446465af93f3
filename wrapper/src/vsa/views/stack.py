"""Show stacks, their containers and their logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from vsa.ansible.report import HostResult
from vsa.output.text import clean
from vsa.views.columns import BACKUPS, CONTAINERS, STACKS, with_containers
from vsa.views.columns import log_lines as lines_of
from vsa.views.common import hosts_without_result, listing

__all__ = ("backup_table", "container_table", "log_lines", "stack_table")


def stack_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``stack list``."""
    return listing(hosts, STACKS)


def backup_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``stack backups``: a row for each run in the repository of each host."""
    return listing(hosts, BACKUPS)


def container_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``stack ps``: a row for each container of each stack."""
    return listing({name: _with_containers(host) for name, host in hosts.items()}, CONTAINERS)


def log_lines(hosts: Mapping[str, HostResult]) -> Group:
    """Return the lines of ``stack logs``, each after its container's name."""
    parts: list[Any] = []
    for name, host in hosts.items():
        prefix = f"{clean(name)}  " if len(hosts) > 1 else ""
        for container, line in lines_of(host.payload):
            text = Text(f"{prefix}{clean(container)}  ", style="dim")
            parts.append(text.append(clean(line), style="default not dim"))
    return Group(*parts, *hosts_without_result(hosts))


def _with_containers(host: HostResult) -> HostResult:
    payload = with_containers(host.payload) if host.payload else {}
    return HostResult(payload=payload, error=host.error, exit_code=host.exit_code)
