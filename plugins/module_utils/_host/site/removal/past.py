# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a domain that has nothing on this host was ever here: by the host's own audit trail, and by the generations.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from ...._core.audit.query import Query
from ...._core.audit.record import AuditRecord
from ...._core.errors import EXIT_OK, STATUS
from ...._core.nearest import nearest
from ...._core.result import OK, WARNING, Step
from ...._core.run_context import LIVE
from ...audit.index import Index
from ...audit.places import Places
from ...store.host import Host

__all__ = ("Removed", "absent_step", "alike", "last_removal")

_MOST_ALIKE = 3
# An index that another process holds must not keep a removal waiting, so at most so many records are read.
_MOST_RUNS = 200


@dataclass(frozen=True)
class Removed:
    """The last removal of a site from this host: when, by which verb, by whom, and the id of the run."""

    time: str
    verb: str
    actor: str
    audit_id: str

    def __str__(self) -> str:
        """Return the removal in words."""
        return f"removed {self.time[:19]}Z by {self.actor} ({self.verb}, audit {self.audit_id})"


def last_removal(host: Host, domain: str) -> Removed | None:
    """Return the last removal of a site that this host remembers; None if the site was never here."""
    return _by_trail(host, domain) or _by_generations(host, domain)


def _by_trail(host: Host, domain: str) -> Removed | None:
    try:
        index = Index(_places(host))
        if not index.catch_up():
            return None
        for row in reversed(index.runs(Query(target=domain, last=_MOST_RUNS))):
            for record in reversed(index.records(row.id)):
                if _removes(record, domain):
                    return Removed(record.time, record.verb, row.actor, record.id)
    except (OSError, ValueError, sqlite3.Error):
        pass  # the generations remember the last of them too
    return None


def _places(host: Host) -> Places:
    if str(host.paths.root) != "/" or os.getuid() == 0:
        return Places.of_host(str(host.paths.root))
    return Places.here(os.environ)


def _removes(record: AuditRecord, domain: str) -> bool:
    """Say whether a record tells that a site was removed from this host."""
    if record.verb == "site.unprovision" and record.target == domain:
        return record.status == STATUS[EXIT_OK] and record.changed and not record.check
    return any(domain in change.removed and change.outcome == LIVE for change in record.generations)


def _by_generations(host: Host, domain: str) -> Removed | None:
    for number in reversed(host.generations.numbers()):
        record = host.generations.record(number)
        if record is not None and domain in record.removed:
            return Removed(record.time, record.verb, record.actor, record.audit_id)
    return None


def alike(host: Host, domain: str) -> list[str]:
    """Return the sites of this host whose names are most like a domain, the best first."""
    return nearest(domain, {*host.manifests, *host.index})[:_MOST_ALIKE]


def absent_step(domain: str, removed: Removed | None, candidates: list[str]) -> Step:
    """Return the step about a site that is not on this host: removed before, or never here."""
    if removed is not None:
        return Step("site", OK, f"{domain} is not on this host any more: {removed}")
    return Step("site", WARNING, f"{domain} was never on this host", tuple(_never_notes(candidates)))


def _never_notes(candidates: list[str]) -> Iterator[str]:
    yield "no manifest, generation, certificate, log or unfinished removal has this name, so nothing was removed"
    if candidates:
        yield f"did you mean {' or '.join(candidates)}?"
