"""Show the agents of hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from vsa.ansible.report import HostResult
from vsa.output.table import table
from vsa.output.text import clean
from vsa.views.columns import AGENT_TITLES, agent_cells, agent_rank
from vsa.views.common import hosts_without_result

__all__ = ("agent_table",)


def agent_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``agent status``, the worst first, then what to look at on each host."""
    read = {name: host for name, host in hosts.items() if host.payload}
    ranked = sorted(read, key=lambda name: agent_rank(read[name].payload))
    rows: list[list[Any]] = [[name, *agent_cells(read[name].payload)] for name in ranked]
    lines = [
        Text(f"{clean(name)}: {clean(problem)}", style="yellow")
        for name in ranked
        for problem in (read[name].payload.get("agent") or {}).get("problems") or ()
    ]
    parts: list[Any] = [table(["HOST", *AGENT_TITLES], rows)] if rows else []
    return Group(*parts, *lines, *hosts_without_result(hosts))
