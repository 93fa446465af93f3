# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The own trail of a host: its runs, and the records of one run. This is what everybody did to the host.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..._core.audit.query import STATES, Query, moment
from ..._core.audit.record import AuditRecord
from ..._core.errors import RefusedError, UsageError
from ..._core.hints import Hint
from ..._core.result import Result
from ..machine.clock import time_now
from .index import Index, Row
from .places import Places

__all__ = ("MOST_RUNS", "RunsRequest", "list_runs", "show_run")

MOST_RUNS = 1000
# A result must stay small enough to be sent to the controller.
_MOST_SITES = 100
_MOST_BYTES = 4 * 1024 * 1024
_MOST_NAMED = 20


@dataclasses.dataclass(frozen=True)
class RunsRequest:
    """What is asked of a host's own trail: see :class:`Query` for the fields. ``since`` is as typed (``2h``)."""

    since: str | None = None
    verb: str | None = None
    target: str | None = None
    status: tuple[str, ...] = ()
    changes: bool = False
    last: int = 50


def list_runs(request: RunsRequest, places: Places | None = None) -> Result:
    """Return the last runs that changed this host and that the request wants. UsageError if it makes no sense."""
    unknown = [word for word in request.status if word not in STATES]
    if unknown:
        raise UsageError("this is no result of a run", field="status", value=unknown[0], expected=", ".join(STATES))
    if not 1 <= request.last <= MOST_RUNS:
        expected = f"a whole number from 1 to {MOST_RUNS}"
        raise UsageError("this is not a number here", field="last", value=request.last, expected=expected)
    # The times of the trail are those of this host's clock, and so "2h" means two hours of it.
    since = moment(request.since, now=time_now()) if request.since else None
    query = Query(
        since=since,
        verb=request.verb,
        target=request.target,
        status=request.status,
        changes=request.changes,
        last=request.last + 1,
    )
    with _index(places or _own_places()) as index:
        rows = index.runs(query)
    earlier = len(rows) > request.last
    runs = [_as_run(row) for row in rows[-request.last :]]
    return Result(data={"runs": runs, "earlier": earlier})


def _as_run(row: Row) -> dict[str, Any]:
    return {**dataclasses.asdict(row), "hosts": list(row.hosts), "sites": list(row.sites[:_MOST_SITES])}


def show_run(start: str, places: Places | None = None) -> Result:
    """Return the records of the run whose id begins so. RefusedError if there is none, or more than one."""
    with _index(places or _own_places()) as index:
        records = index.records(start)
    ids = list(dict.fromkeys(record.id for record in records))
    if not ids:
        raise RefusedError(
            "no run in this host's own trail has this id", field="run", value=start, hint=Hint("audit.list")
        )
    if len(ids) > 1:
        raise RefusedError("several runs begin so", field="run", value=start, there_are=ids[:_MOST_NAMED])
    shown = _bounded(records)
    return Result(data={"records": shown, "left_out": len(records) - len(shown)})


def _bounded(records: list[AuditRecord]) -> list[dict[str, Any]]:
    """Return records as JSON values, as many as a result may hold."""
    shown: list[dict[str, Any]] = []
    size = 0
    for record in records:
        values = {**record.as_dict(), "prev_hash": record.prev_hash, "hash": record.hash}
        size += len(str(values))
        if shown and size > _MOST_BYTES:
            break
        shown.append(values)
    return shown


def _own_places() -> Places:
    return Places.of_host() if os.getuid() == 0 else Places.here(os.environ)


@contextmanager
def _index(places: Places) -> Iterator[Index]:
    """Yield the index of a trail; one that is made for this call alone if it cannot be written (a read-only disk)."""
    kept = Index(places)
    if kept.catch_up():
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="vsa-audit-") as folder:
        made = Index(dataclasses.replace(places, state=Path(folder)))
        made.rebuild()
        yield made
