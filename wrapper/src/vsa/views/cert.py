"""Show certificates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from vsa.ansible.report import HostResult
from vsa.output.detail import detail
from vsa.output.text import clean
from vsa.views.common import hosts_without_result, left, listing

__all__ = ("certificate_detail", "certificate_table")


def certificate_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``cert status``, and a line for each host whose renewal loop failed."""
    table = listing(
        hosts,
        "certificates",
        [
            ("DOMAIN", lambda entry: entry.get("domain")),
            ("STATE", lambda entry: entry.get("state")),
            ("LEFT", lambda entry: left(entry.get("seconds_left"), entry.get("fraction_left"))),
            ("ISSUER", lambda entry: entry.get("issuer")),
            ("SERVED", _served),
            ("RENEWS", _renews),
        ],
    )
    problems = {name: _loop_problem(host) for name, host in hosts.items()}
    lines = [Text(f"{clean(name)}  {problem}", style="red") for name, problem in problems.items() if problem]
    return Group(table, *lines)


def _loop_problem(host: HostResult) -> str | None:
    """Return a line if the last round of a host's renewal loop failed, else None."""
    last = host.payload.get("renewal") or {}
    if not last.get("exit"):
        return None
    return f"the renewal loop failed at {clean(str(last.get('time')))}: vsa cert renew says why"


def _served(entry: Mapping[str, Any]) -> Any:
    served = entry.get("served")
    return served if served in (None, "same") else str(served).upper()


def _renews(entry: Mapping[str, Any]) -> Any:
    """Return the day of the renewal, or why it may fail."""
    failure = entry.get("last_failure") or {}
    failed = f"last try failed: {failure.get('error')}" if failure else None
    return entry.get("problem") or failed or _day(entry)


def _day(entry: Mapping[str, Any]) -> str | None:
    day = entry.get("renews")
    return f"{day} (ARI)" if day and entry.get("renews_by") == "ari" else day


def certificate_detail(hosts: Mapping[str, HostResult]) -> Group:
    """Return the blocks of ``cert status --domain``."""
    blocks: list[Any] = [
        detail(name, entry.get("domain"), _pairs(entry))
        for name, host in hosts.items()
        for entry in host.payload.get("certificates") or ()
    ]
    return Group(*blocks, *hosts_without_result(hosts))


def _pairs(entry: Mapping[str, Any]) -> list[tuple[str, Any]]:
    failure = entry.get("last_failure") or {}
    window = entry.get("ari") or {}
    matches = "belongs to the certificate" if entry.get("key_matches") else "does not belong to the certificate"
    key = f"{entry['key']}, {matches}" if entry.get("key") else None
    return [
        ("state", entry.get("state")),
        ("problem", entry.get("problem")),
        ("names", list(entry.get("names") or ())),
        ("issuer", entry.get("issuer")),
        ("key", key),
        ("valid", f"{entry['not_before']} to {entry['not_after']}" if entry.get("not_after") else None),
        ("left", left(entry.get("seconds_left"), entry.get("fraction_left"))),
        ("served", _served(entry)),
        ("renews", _day(entry)),
        ("window", f"{window.get('start')} to {window.get('end')}, says the CA" if window else None),
        ("last failure", f"{failure.get('time')}: {failure.get('error')}" if failure else None),
        ("ca", entry.get("ca")),
        ("fingerprint", entry.get("fingerprint")),
    ]
