"""Show the generations and server blocks of the proxy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from vsa.ansible.report import HostResult
from vsa.output.blocks import head
from vsa.output.text import clean
from vsa.views.columns import GENERATIONS, VHOSTS, about_vhost
from vsa.views.common import hosts_without_result, listing

__all__ = ("history_table", "vhost_raw", "vhost_table", "vhost_text")


def vhost_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``vhost list``."""
    return listing(hosts, VHOSTS)


def vhost_text(hosts: Mapping[str, HostResult]) -> Group:
    """Return the live configuration of ``vhost show``, with the source of each line beside it."""
    parts: list[Any] = []
    for name, host in hosts.items():
        for vhost in host.payload.get("vhosts") or ():
            parts.append(head(name, f"{vhost.get('domain')}  generation {host.payload.get('generation')}"))
            parts += [Text(clean(words), style="dim") for words in _about(vhost)]
            parts.append(_annotated(vhost))
    return Group(*parts, *hosts_without_result(hosts))


def vhost_raw(hosts: Mapping[str, HostResult]) -> str:
    """Return the configuration text alone, of every host that has it."""
    texts = [str(vhost.get("text") or "") for host in hosts.values() for vhost in host.payload.get("vhosts") or ()]
    return "\n".join(clean(line) for text in texts for line in text.rstrip("\n").split("\n"))


def _about(vhost: Mapping[str, Any]) -> Iterable[str]:
    yield from about_vhost(vhost)
    if vhost.get("drift"):
        yield "its files were edited since: vsa vhost sync writes them again"


def _annotated(vhost: Mapping[str, Any]) -> Text:
    lines = vhost.get("lines") or [{"text": line} for line in str(vhost.get("text") or "").rstrip("\n").split("\n")]
    width = max((len(clean(line.get("source") or "")) for line in lines), default=0)
    text = Text()
    for line in lines:
        if width:
            text.append(f"{clean(line.get('source') or ''):{width}}  ", style="dim")
        text.append(f"{clean(line.get('text') or '')}\n")
    text.right_crop(1)
    return text


def history_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``vhost history``, the newest generation of each host first."""
    return listing(hosts, GENERATIONS)
