# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look up the CAA records of a certificate's names before a CA is asked: a CA that they forbid counts the failed try.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..._core.cert.caa import DNS_01, HTTP_01, CaaRecord, caa_identity, caa_problem
from ..._core.cert.status import authority_label
from ..._core.errors import RefusedError
from ..._core.libraries import MissingLibraryError
from ..machine.resolver import EMPTY, FOUND, SILENT, Names, Reply
from ..store.layout import Paths
from .renewable import account_addresses

__all__ = ("CaaReport", "check_caa", "resolver_names")


@dataclass
class CaaReport:
    """What the CAA records of some names say.

    * ``refusals``: an error for each name for which the CA may not issue.
    * ``warnings``: names whose records a resolver could not tell.
    * ``silent``: no resolver answered, so the rest of the names was not asked.
    """

    refusals: list[RefusedError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    silent: bool = False


def resolver_names() -> Names | None:
    """Return what asks the resolvers of this host; None on a host of before, which has no dnspython."""
    try:
        return Names()
    except MissingLibraryError:
        return None


def check_caa(paths: Paths, dns: Names, names: Sequence[str], *, authority: str, by_dns: bool) -> CaaReport:
    """Return what the CAA records say to a CA that is about to issue for names, validated by DNS or by HTTP.

    The nearest records upwards count, as a CA counts them. A wildcard has records of its own.
    """
    report = CaaReport()
    identity = caa_identity(authority)
    method = DNS_01 if by_dns else HTTP_01
    accounts = account_addresses(paths, authority)
    for name in names:
        place, reply = _records_of(dns, name.removeprefix("*."))
        if reply.outcome == SILENT:
            report.silent = True
            break  # the other names would only wait for the same resolvers
        if not reply.certain:
            report.warnings.append(f"CAA of {place}: the resolver of this host fails ({reply.code}); a CA refuses then")
            continue
        records = [_record(text) for _kind, text in reply.records]
        wildcard = name.startswith("*.")
        problem = caa_problem(records, identity=identity, method=method, wildcard=wildcard, accounts=accounts)
        if problem is not None:
            report.refusals.append(_refusal(name, place, problem, authority=authority, identity=identity))
    return report


def _refusal(name: str, place: str, problem: str, *, authority: str, identity: str | None) -> RefusedError:
    label = authority_label(authority)
    return RefusedError(
        f"the CAA records of {place} do not let {label} issue for {name}: {problem}",
        field="domain",
        value=name,
        expected=f'{place}. CAA 0 issue "{identity}"' if identity else None,
        hint="correct the CAA records",
    )


def _records_of(dns: Names, name: str) -> tuple[str, Reply]:
    """Return the CAA records that count for a name, and the name that has them: the nearest one upwards."""
    labels = name.split(".")
    reply = Reply(EMPTY)
    for number in range(len(labels)):
        place = ".".join(labels[number:])
        reply = dns.records(place, "CAA")
        if reply.outcome == FOUND or not reply.certain:
            return place, reply
    return name, reply


def _record(text: str) -> CaaRecord:
    flags, tag, value = shlex.split(text)[:3]
    return CaaRecord(int(flags), tag.lower(), value)
