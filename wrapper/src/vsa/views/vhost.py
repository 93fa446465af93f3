"""Show the generations and server blocks of the proxy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from vsa.ansible.report import HostResult
from vsa.output.blocks import head
from vsa.output.text import clean
from vsa.views.common import hosts_without_result, listing

__all__ = ("history_table", "vhost_raw", "vhost_table", "vhost_text")

_NAMED = 3


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
    last = vhost.get("last_change")
    if last:
        yield (
            f"generation {last.get('generation')} changed it: {last.get('verb')} by {last.get('actor')}"
            f" at {last.get('time')}, audit {last.get('audit_id')}"
        )
    if vhost.get("origin"):
        yield f"its manifest is {vhost.get('origin')}"
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
    return listing(
        hosts,
        "generations",
        [
            ("GENERATION", lambda entry: f"{entry.get('number')}{' live' if entry.get('live') else ''}"),
            ("TIME", lambda entry: entry.get("time")),
            ("VERB", lambda entry: entry.get("verb")),
            ("CHANGE", _change),
            ("ACTOR", lambda entry: entry.get("actor")),
            ("AUDIT", lambda entry: entry.get("audit_id")),
        ],
    )


def _change(entry: Mapping[str, Any]) -> str:
    """Return what a generation changed: the count of its files, and the first of its sites."""
    gone = {f"-{name}" for name in entry.get("removed") or ()}
    names = [*sorted(str(name) for name in entry.get("changed") or ()), *sorted(gone)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    summary = str(entry.get("summary") or "")
    return f"{summary}: {', '.join(names[:_NAMED])}{more}" if names and summary else summary
