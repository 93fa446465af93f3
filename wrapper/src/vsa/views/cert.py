"""Show certificates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from vsa.ansible.report import HostResult
from vsa.output.detail import detail
from vsa.output.text import clean
from vsa.views.columns import CERTIFICATES, certificate_pairs, renewal_problem
from vsa.views.common import hosts_without_result, listing

__all__ = ("certificate_detail", "certificate_table")


def certificate_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``cert status``, and a line for each host whose renewal loop failed."""
    problems = {name: renewal_problem(host.payload) for name, host in hosts.items()}
    lines = [
        Text(f"{clean(name)}  {clean(problem)}: vsa cert renew says why", style="red")
        for name, problem in problems.items()
        if problem
    ]
    return Group(listing(hosts, CERTIFICATES), *lines)


def certificate_detail(hosts: Mapping[str, HostResult]) -> Group:
    """Return the blocks of ``cert status --domain``."""
    blocks: list[Any] = [
        detail(name, entry.get("domain"), certificate_pairs(entry))
        for name, host in hosts.items()
        for entry in host.payload.get("certificates") or ()
    ]
    return Group(*blocks, *hosts_without_result(hosts))
