"""What the views of all nouns have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from vsa.ansible.report import HostResult
from vsa.core import NOTHING
from vsa.output.table import STYLES, table
from vsa.output.text import clean
from vsa.views.columns import LAST, Listing

__all__ = ("doubles", "hosts_without_result", "listing")


def listing(hosts: Mapping[str, HostResult], made: Listing) -> Group:
    """Return a table of the entries of a listing in the hosts' payloads, the worst first, then the hosts without one.

    The first column is the host.
    """
    rows: list[tuple[int, list[Any]]] = []
    for name, host in hosts.items():
        if host.exit_code and not host.payload:
            continue
        entries = host.payload.get(made.key) or []
        if not entries:
            rows.append((LAST, [name, *(None for _ in made.columns)]))
        rows += [(made.rank(entry), [name, *made.cells(entry)]) for entry in entries]
    rows.sort(key=lambda row: row[0])
    parts: list[Any] = []
    if rows:
        parts.append(table(["HOST", *made.titles()], (cells for _, cells in rows)))
    parts += hosts_without_result(hosts)
    return Group(*parts)


def doubles(domains: Mapping[str, Iterable[Any]]) -> Iterable[Text]:
    """Return a line for each domain that several hosts have; ``domains`` are those of each host."""
    where: dict[str, list[str]] = {}
    for name, found in domains.items():
        for domain in found:
            where.setdefault(str(domain), []).append(name)
    for domain, names in where.items():
        if len(names) > 1:
            line = f"{clean(domain)} is on {', '.join(map(clean, names))}: DNS leads visitors to one of them"
            yield Text(line, style="yellow")


def hosts_without_result(hosts: Mapping[str, HostResult]) -> Iterable[Text]:
    """Return a line with the reason for each host that returned no payload."""
    for name, host in hosts.items():
        if host.exit_code and host.error and not host.payload:
            line = Text(f"{clean(name)}  {NOTHING}  ")
            status = host.status.replace("_", " ")
            line.append(f"{status}: {clean(host.error.get('message', ''))}", style=STYLES.get(status, "red"))
            yield line
