"""Show the hosts of an inventory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from vsa.ansible.report import HostResult
from vsa.output.table import table
from vsa.output.text import clean, seconds

__all__ = ("fleet_table", "hub_words")


def fleet_table(hosts: Mapping[str, HostResult], *, live: bool) -> Group:
    """Return the table of ``vsa vps list``, then the ports that the firewall of a provider keeps closed."""
    hub = any("hub" in host.payload["vps"] for host in hosts.values())
    titles = ["HOST", *(["STATE"] if live else []), *(["HUB"] if hub else [])]
    titles += ["PROVIDER", "ADDRESS", "GROUPS", "HOST KEY"]
    rows = []
    for name, host in hosts.items():
        found = host.payload["vps"]
        state = [_state(host)] if live else []
        heard = [hub_words(found.get("hub"))] if hub else []
        rows.append([name, *state, *heard, *_cells(found)])
    lines = []
    for name, host in hosts.items():
        unanswered = host.payload["vps"].get("unanswered")
        if unanswered:
            words = f"{clean(name)}: no answer at {', '.join(map(clean, unanswered))}: open them at the provider"
            lines.append(Text(words, style="yellow"))
    return Group(table(titles, rows), *lines)


def hub_words(node: Mapping[str, Any] | None) -> str:
    """Return what the hub says of a node, in a few words: ``fresh``, ``silent for 22 min, 14 of 14 sites answer``."""
    if node is None:
        return "not registered"
    freshness = clean(node.get("freshness"))
    if freshness == "never":
        return "never seen"
    if freshness != "silent":
        return freshness
    words = f"silent for {seconds(float(node.get('age_seconds') or 0))}"
    sites = node.get("sites_answer")
    if isinstance(sites, Mapping):
        words += f", {clean(sites.get('answer'))} of {clean(sites.get('asked'))} sites answer"
    return words


def _cells(found: Mapping[str, Any]) -> list[Any]:
    address, port = found.get("address"), found.get("port")
    if address is not None and port != 22:
        address = f"{address} port {port}"
    # The group of the provider has a column of its own.
    groups = [name for name in found.get("groups") or () if name != found.get("provider")]
    keys = found.get("host_keys") or []
    return [found.get("provider"), address, ", ".join(map(clean, groups)) or None, "recorded" if keys else None]


def _state(host: HostResult) -> str:
    if host.error:
        return f"{host.status.replace('_', ' ')}: {clean(host.error.get('message', ''))}"
    return "ok" if host.payload.get("ping") else "not asked"
