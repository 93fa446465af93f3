"""Show the state of hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from vsa.ansible.report import HostResult
from vsa.output.table import STYLES, table
from vsa.output.text import clean
from vsa.views.columns import SIGNS, counted, ping_words
from vsa.views.common import doubles, hosts_without_result

__all__ = ("ping_table", "status_blocks")

_STATES = ("down", "warning", "not checked", "ok")


def status_blocks(hosts: Mapping[str, HostResult]) -> Group:
    """Return a block for each host: its state, and what is wrong with it. The worst host is first."""
    read = {name: host for name, host in hosts.items() if host.payload}
    worst_first = sorted(read, key=lambda name: _rank(read[name].payload))
    parts: list[Any] = []
    for name in worst_first:
        parts += _block(name, read[name].payload)
    domains = {name: host.payload.get("domains") or () for name, host in read.items()}
    # A host that could not be asked may be down as a whole.
    return Group(*hosts_without_result(hosts), *parts, *doubles(domains))


def ping_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``ping``, the hosts without access first, then the ways out, each with its hosts."""
    ranked = sorted(hosts.items(), key=lambda item: item[1].error is None)
    rows = [[name, *_reached(host)] for name, host in ranked]
    ways: dict[str, list[str]] = {}
    for name, host in ranked:
        if host.error and host.error.get("try"):
            ways.setdefault(clean(host.error["try"]), []).append(clean(name))
    lines = [Text(f"{', '.join(names)}: try {way}", style="dim") for way, names in ways.items()]
    return Group(table(["HOST", "STATE", "SECONDS", "AS", "WHAT"], rows), *lines)


def _reached(host: HostResult) -> list[Any]:
    found = host.payload.get("ping") or {}
    seconds = f"{host.seconds:.1f}"
    if host.error or not found:
        why = (host.error or {}).get("message") or "it said nothing"
        return [host.status.replace("_", " "), seconds, None, clean(why)]
    return ["ok", seconds, found.get("user"), ping_words(host.payload)]


def _rank(payload: Mapping[str, Any]) -> int:
    state = payload.get("state")
    return _STATES.index(state) if state in _STATES else 0


def _block(name: str, payload: Mapping[str, Any]) -> list[Any]:
    state = str(payload.get("state"))
    head = Text(f"{clean(name)}  ", style="bold")
    head.append(clean(state), style=STYLES.get(state, ""))
    sites = counted(payload.get("site_states") or {})
    head.append(f" · {sites}" if sites else "", style="not bold")
    findings = payload.get("findings") or ()
    if not findings:
        return [head]
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    for finding in findings:
        level = str(finding.get("level"))
        sign = Text(SIGNS.get(level, "?"), style=STYLES.get(level, ""))
        grid.add_row("", sign, Text(f"{clean(finding.get('subject'))}: {clean(finding.get('text'))}"))
        if finding.get("remedy"):
            grid.add_row("", "", Text(f"try  {clean(finding['remedy'])}", style="dim"))
    return [head, grid]
