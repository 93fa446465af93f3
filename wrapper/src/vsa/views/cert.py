"""How certificates are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group

from vsa.report import HostResult
from vsa.views.common import left, listing

__all__ = ("certificate_table",)


def certificate_table(hosts: Mapping[str, HostResult]) -> Group:
    """Return the table of ``cert status``."""
    return listing(
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


def _served(entry: Mapping[str, Any]) -> Any:
    served = entry.get("served")
    return served if served in (None, "same") else str(served).upper()


def _renews(entry: Mapping[str, Any]) -> Any:
    """Return the day on which it renews, or why it might not."""
    failure = entry.get("last_failure") or {}
    failed = f"last try failed: {failure.get('error')}" if failure else None
    return entry.get("problem") or failed or entry.get("renews")
