"""What the views of all nouns have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from vsa.ansible.report import HostResult
from vsa.output.table import STYLES, table
from vsa.output.text import NOTHING, clean

__all__ = ("certificate", "changed_by", "hosts_without_result", "left", "listing")

_WORST = (
    *"invalid broken expired mismatch missing failed exited dead unhealthy restarting expiring".split(),
    *"locked pending warning edited unused".split(),
    "not live",
    "maintenance",
    "due",
)


def listing(
    hosts: Mapping[str, HostResult],
    key: str,
    columns: Sequence[tuple[str, Callable[[Mapping[str, Any]], Any]]],
    *,
    state: Callable[[Mapping[str, Any]], str] = lambda entry: str(entry.get("state", "")),
) -> Group:
    """Return a table of the entries under ``key`` in the hosts' payloads, the worst first, then the hosts without one.

    ``columns`` are titles, each with a function that returns the cell of an entry. The first column is the host.
    """
    rows: list[tuple[int, list[Any]]] = []
    for name, host in hosts.items():
        if host.exit_code and not host.payload:
            continue
        entries = host.payload.get(key) or []
        if not entries:
            rows.append((len(_WORST), [name, *(None for _ in columns)]))
        for entry in entries:
            word = state(entry)
            rank = _WORST.index(word) if word in _WORST else len(_WORST)
            rows.append((rank, [name, *(fill(entry) for _, fill in columns)]))
    rows.sort(key=lambda row: row[0])
    parts: list[Any] = []
    if rows:
        parts.append(table(["HOST", *(title for title, _ in columns)], (cells for _, cells in rows)))
    parts += hosts_without_result(hosts)
    return Group(*parts)


def hosts_without_result(hosts: Mapping[str, HostResult]) -> Iterable[Text]:
    """Return a line with the reason for each host that returned no payload."""
    for name, host in hosts.items():
        if host.exit_code and host.error and not host.payload:
            line = Text(f"{clean(name)}  {NOTHING}  ")
            status = host.status.replace("_", " ")
            line.append(f"{status}: {clean(host.error.get('message', ''))}", style=STYLES.get(status, "red"))
            yield line


def left(seconds: float | None, fraction: float | None) -> str:
    """Return the time that a certificate is still valid: days (hours below two days), and the share of its lifetime."""
    if seconds is None:
        return NOTHING
    if seconds <= 0:
        return "0 d"
    amount = f"{int(seconds // 86400)} d" if seconds >= 2 * 86400 else f"{int(seconds // 3600)} h"
    return amount if fraction is None else f"{amount} ({fraction:.0%})".replace("%", " %")


def certificate(entry: Mapping[str, Any] | None) -> str:
    """Return the state of a certificate and how long it is still valid, in a few words."""
    if not entry:
        return NOTHING
    state = str(entry.get("state") or NOTHING)
    if state in ("ok", "due", "expiring"):
        state += f" {left(entry.get('seconds_left'), None)}"
    served = entry.get("served")
    return state if served in (None, "same") else f"{state}, served {str(served).upper()}"


def changed_by(entry: Mapping[str, Any] | None, *, short: bool = False) -> str | None:
    """Return who changed something last, when and by which verb: in full, or in a few words for a table."""
    if not entry:
        return None
    if short:
        return f"{str(entry.get('time'))[:10]} {str(entry.get('actor')).partition('@')[0]}"
    return (
        f"{entry.get('time')} by {entry.get('actor')}: {entry.get('verb')}, "
        f"generation {entry.get('generation')}, audit {entry.get('audit_id')}"
    )
