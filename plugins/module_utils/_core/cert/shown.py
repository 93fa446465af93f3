# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How certificates are shown.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..listing import Listing, time_left
from ..words import NOTHING

__all__ = ("CERTIFICATES", "certificate", "certificate_pairs", "renewal_problem", "served")


def certificate(entry: Mapping[str, Any] | None) -> str:
    """Return the state of a certificate and how long it is still valid, in a few words."""
    if not entry:
        return NOTHING
    state = str(entry.get("state") or NOTHING)
    if state in ("ok", "due", "expiring"):
        state += f" {time_left(entry.get('seconds_left'), None)}"
    other = entry.get("served")
    return state if other in (None, "same") else f"{state}, served {str(other).upper()}"


def served(entry: Mapping[str, Any]) -> Any:
    """Return whether the proxy serves the certificate; in capitals if it does not."""
    found = entry.get("served")
    return found if found in (None, "same") else str(found).upper()


def _renews(entry: Mapping[str, Any]) -> Any:
    """Return the day of the renewal. A failed try stands after the day, for the day holds although a try failed."""
    failure = entry.get("last_failure") or {}
    failed = f"last try failed: {failure.get('error')}" if failure else None
    parts = [part for part in (_day(entry), entry.get("problem") or failed) if part]
    return "; ".join(str(part) for part in parts) or None


def _day(entry: Mapping[str, Any]) -> str | None:
    day = entry.get("renews")
    return f"{day} (ARI)" if day and entry.get("renews_by") == "ari" else day


CERTIFICATES = Listing(
    "certificates",
    (
        ("DOMAIN", lambda entry: entry.get("domain")),
        ("STATE", lambda entry: entry.get("state")),
        ("LEFT", lambda entry: time_left(entry.get("seconds_left"), entry.get("fraction_left"))),
        ("ISSUER", lambda entry: entry.get("issuer")),
        ("SERVED", served),
        ("RENEWS", _renews),
    ),
)


def certificate_pairs(entry: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the labels and values of one certificate in full."""
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
        ("left", time_left(entry.get("seconds_left"), entry.get("fraction_left"))),
        ("served", served(entry)),
        ("renews", _day(entry)),
        ("window", f"{window.get('start')} to {window.get('end')}, says the CA" if window else None),
        ("last failure", f"{failure.get('time')}: {failure.get('error')}" if failure else None),
        ("ca", entry.get("ca")),
        ("fingerprint", entry.get("fingerprint")),
    ]


def renewal_problem(payload: Mapping[str, Any]) -> str | None:
    """Return a sentence if the last round of a host's renewal loop failed, else None."""
    last = payload.get("renewal") or {}
    return f"the renewal loop failed at {last.get('time')}" if last.get("exit") else None
