"""Show sites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from vsa.ansible.report import HostResult
from vsa.output.detail import detail
from vsa.output.text import clean
from vsa.views.columns import SITES, causes, site_pairs
from vsa.views.common import doubles, hosts_without_result, listing

__all__ = ("site_detail", "site_table")


def site_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``site list``, with what concerns all sites of a host above it."""
    domains = {name: [site.get("domain") for site in host.payload.get("sites") or ()] for name, host in hosts.items()}
    return Group(*_causes(hosts), listing(hosts, SITES), *doubles(domains))


def _causes(hosts: Mapping[str, HostResult]) -> Iterable[Text]:
    """Return a line for each thing that is wrong with a host and concerns its sites."""
    for name, host in hosts.items():
        for cause, remedy in causes(host.payload):
            line = Text(f"{clean(name)}  ")
            line.append(clean(cause), style="red")
            if remedy:
                line.append(f"  try {clean(remedy)}")
            yield line


def site_detail(hosts: Mapping[str, HostResult]) -> Group:
    """Return the blocks of ``site show``."""
    blocks: list[Any] = [
        detail(name, site.get("domain"), site_pairs(site))
        for name, host in hosts.items()
        for site in host.payload.get("sites") or ()
    ]
    return Group(*_causes(hosts), *blocks, *hosts_without_result(hosts))
