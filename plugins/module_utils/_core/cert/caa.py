# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAA records: which CA may issue a certificate for a name (RFC 8659), by which challenge and account (RFC 8657).

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..forms import LETSENCRYPT, STAGING
from ..words import shortened, word

__all__ = ("DNS_01", "HTTP_01", "CaaRecord", "caa_identity", "caa_problem")

HTTP_01 = "http-01"
DNS_01 = "dns-01"

_CRITICAL = 0x80
_LONGEST = 120  # letters of a zone's words in a message
_ISSUE = "issue"
_ISSUE_WILDCARD = "issuewild"
# The tags that every CA knows. An unknown tag that is critical forbids all (RFC 8659, section 4.1).
_KNOWN = (_ISSUE, _ISSUE_WILDCARD, "iodef", "contactemail", "contactphone", "issuemail", "issuevmc")


@dataclass(frozen=True)
class CaaRecord:
    """One CAA record: its flags, its tag in lower case, and its value."""

    flags: int
    tag: str
    value: str


def caa_identity(authority: str) -> str | None:
    """Return the domain by which CAA records name a CA, None if nobody knows it.

    Source: https://letsencrypt.org/docs/caa/
    """
    return "letsencrypt.org" if authority in (LETSENCRYPT, STAGING) else None


def caa_problem(
    records: Sequence[CaaRecord],
    *,
    identity: str | None,
    method: str,
    wildcard: bool,
    accounts: Collection[str] | None = None,
) -> str | None:
    """Return why a CA may not issue, None if it may. ``records`` are those of the name or of the nearest name above it.

    ``identity`` is the CA's domain; without it only records that allow no CA at all forbid something. ``accounts`` are
    the addresses of the accounts at this CA that the host has, None if nobody knows them.
    """
    unknown = [record.tag for record in records if record.flags & _CRITICAL and record.tag not in _KNOWN]
    if unknown:
        return f"they have the critical tag {_shown(unknown[0])}, which no CA may ignore"
    relevant = [record for record in records if record.tag == _ISSUE]
    if wildcard:
        relevant = [record for record in records if record.tag == _ISSUE_WILDCARD] or relevant
    if not relevant:
        return None
    allowed = []
    for record in relevant:
        domain, methods, account = _parsed(record.value)
        if not domain:
            continue
        ours = not account or identity is None or accounts is None or account in accounts
        if identity in (None, domain) and (not methods or method in methods) and ours:
            return None
        limits = [f"{', '.join(methods)} alone"] if methods else []
        limits += [f"the account {account} alone"] if account else []
        allowed.append(f"{domain} ({', '.join(limits)})" if limits else domain)
    return f"they allow {_shown(' and '.join(allowed)) or 'no CA'}"


def _shown(text: str) -> str:
    """Return what the owner of a zone wrote, escaped and shortened; nothing stays nothing."""
    return shortened(word(text), _LONGEST) if text else ""


def _parsed(value: str) -> tuple[str, tuple[str, ...], str]:
    """Return the CA's domain of an ``issue`` record, its challenges and its account; none means all of them."""
    domain, *parameters = value.split(";")
    methods: tuple[str, ...] = ()
    account = ""
    for parameter in parameters:
        name, _equals, said = parameter.partition("=")
        if name.strip().lower() == "validationmethods":
            methods = tuple(word.strip().lower() for word in said.split(","))
        if name.strip().lower() == "accounturi":
            account = said.strip()
    return domain.strip().lower().rstrip("."), methods, account
