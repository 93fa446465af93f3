"""How the proxy's generations and server blocks are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from vsa.output.blocks import head
from vsa.output.text import clean
from vsa.report import HostResult
from vsa.views.common import listing, unheard

__all__ = ("history_table", "vhost_table", "vhost_text")


def vhost_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``vhost list``."""
    return listing(
        hosts,
        "vhosts",
        [
            ("DOMAIN", lambda vhost: vhost.get("domain")),
            ("STATE", _state),
            ("ALIASES", lambda vhost: [name for name in vhost.get("names") or () if name != vhost.get("domain")]),
            ("CONTAINERS", lambda vhost: vhost.get("containers")),
            ("NETWORK", lambda vhost: vhost.get("network")),
        ],
        state=_state,
    )


def _state(vhost: Mapping[str, Any]) -> str:
    return "edited" if vhost.get("drift") else "live"


def vhost_text(hosts: Mapping[str, HostResult]) -> Group:
    """Return the configuration text of ``vhost show``, as it lies in the live generation."""
    parts: list[Any] = []
    for name, host in hosts.items():
        for vhost in host.payload.get("vhosts") or ():
            parts.append(head(name, f"{vhost.get('domain')}  generation {host.payload.get('generation')}"))
            lines = str(vhost.get("text") or "").rstrip("\n").split("\n")
            parts.append(Text("\n".join(clean(line) for line in lines)))
    return Group(*parts, *unheard(hosts))


def history_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``vhost history``, the newest generation of each host first."""
    return listing(
        hosts,
        "generations",
        [
            ("GENERATION", lambda entry: f"{entry.get('number')}{' live' if entry.get('live') else ''}"),
            ("TIME", lambda entry: entry.get("time")),
            ("VERB", lambda entry: entry.get("verb")),
            ("CHANGE", lambda entry: entry.get("summary")),
            ("ACTOR", lambda entry: entry.get("actor")),
            ("AUDIT", lambda entry: entry.get("audit_id")),
        ],
    )
