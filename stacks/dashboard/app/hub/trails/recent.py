"""The last operations of the fleet, what became of them within a day, and what of them needs attention."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from hub.fleet.attention import Item
from hub.moments import rfc3339
from hub.trails.entries import Entry, entry_of_row
from hub.trails.find import find_runs, records_of
from hub.trails.runs import run_row
from hub.trails.wanted import Wanted

__all__ = ("Operations", "attention_of_trails", "last_operations", "operations_of")

_SHOWN = 6
_DAY = timedelta(hours=24)
# So many records of a day are looked at. The statistics of a fleet need fewer, and a flood must not cost more.
_MOST = 20_000
# A break stays in the list of chains for ever, and in what needs attention for so long.
_BREAK = timedelta(days=30)
_WHY = {
    "not_put_back": "the change failed, and putting it back failed too",
    "internal_error": "VSA or Ansible failed; what was changed until then stays",
    "interrupted": "the run was killed; what was changed until then stays",
}
_KIND = {"not_put_back": "bad", "internal_error": "warn", "interrupted": "warn"}


@dataclass(frozen=True)
class Operations:
    """The last operations, and the figures of the last 24 hours, None if they are not known."""

    last: Sequence[Mapping[str, Any]]
    counted: Mapping[str, Any] | None


def operations_of(connection: Connection, *, at: datetime) -> Operations:
    """Return what the Overview shows of the operations."""
    return Operations(last_operations(connection, _SHOWN), _counted(connection, at))


def last_operations(connection: Connection, number: int) -> list[dict[str, Any]]:
    """Return the rows of the last runs that the nodes' trails have, the newest first."""
    heads = find_runs(connection, Wanted(), most=number).heads
    by_run: dict[str, list[Entry]] = {}
    for record in records_of(connection, [head.run for head in heads if head.run]):
        by_run.setdefault(record.run, []).append(entry_of_row(record))
    rows = []
    for entry in map(entry_of_row, heads):
        row = run_row(by_run.get(entry.run, [entry]), head=entry)
        rows.append({**row, "node": ", ".join(row["nodes"])})
    return rows


_COUNTED = text(f"""
    with recent as (
        select coalesce(nullif(run, ''), hash) as run, at, status from audit
        where at > :since and at <= :until order by at desc, hash desc limit {_MOST}
    ), ended as (
        select run, max(at) as at, bool_or(status not in ('ok', 'started')) as bad, bool_and(status = 'started') as open
        from recent group by run
    )
    select floor(extract(epoch from at - :since) / 3600)::int as hour, count(*) as number,
        count(*) filter (where bad) as bad, count(*) filter (where open) as open
    from ended group by 1
""")  # noqa: S608


def _counted(connection: Connection, at: datetime) -> dict[str, Any]:
    """Return how many runs ended within a day, by how they ended, and for each hour."""
    # Whole minutes, so that a refresh finds the same hours.
    until = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    rows = list(connection.execute(_COUNTED, {"since": until - _DAY, "until": until}))
    hours = [0] * 24
    for row in rows:
        hours[min(row.hour, 23)] += row.number
    total, bad, open_ = (sum(getattr(row, name) for row in rows) for name in ("number", "bad", "open"))
    words = (("ok", total - bad - open_, "ended well"), ("bad", bad, "did not"), ("busy", open_, "under way"))
    return {"total": total, "parts": [[kind, number, word] for kind, number, word in words if number], "hours": hours}


def attention_of_trails(connection: Connection, *, at: datetime) -> list[Item]:
    """Return what of the trails needs attention: chains that broke, and runs that left something half done.

    A run is settled by a later one of the same verb on the same target that ended well.
    """
    return [*_breaks(connection, at), *_half_done(connection, at)]


_BREAKS = text("""
    select n.id, first.received_at as since, last.text, last.hash from node n
    cross join lateral (
        select b.received_at from audit_break b
        where b.node = n.id and b.kind <> 'begins_late' and b.received_at > :since order by b.received_at limit 1
    ) first
    cross join lateral (
        select b.text, b.hash from audit_break b
        where b.node = n.id and b.kind <> 'begins_late' order by b.number desc limit 1
    ) last
    order by n.id
""")


def _breaks(connection: Connection, at: datetime) -> list[Item]:
    return [
        Item(
            "bad",
            f"the audit trail of {row.id} is not whole",
            f"{row.text} (record {row.hash[:12]})",
            row.id,
            row.since,
            f"vsa audit list --on {shlex.quote(row.id)}",
            "audit",
            {"node": row.id},
        )
        for row in connection.execute(_BREAKS, {"since": at - _BREAK})
    ]


_HALF_DONE = text("""
    select a.node, a.at, a.run, a.verb, a.target, a.status from audit a
    where a.at > :since and a.status not in ('ok', 'started')
        and a.status in ('not_put_back', 'internal_error', 'interrupted') and a.kind <> 'started'
        and not exists (
            select from audit o where o.target = a.target and o.at > a.at and o.verb = a.verb and o.status = 'ok'
        )
    order by a.at desc, a.hash desc limit 50
""")


def _half_done(connection: Connection, at: datetime) -> list[Item]:
    found: dict[str, Item] = {}
    for row in connection.execute(_HALF_DONE, {"since": at - _DAY}):
        what = f"{row.verb} {row.target or ''}".strip()
        found.setdefault(
            row.run,
            Item(
                _KIND[row.status],
                f"{what} ended as {row.status.replace('_', ' ')}",
                _WHY[row.status],
                row.node,
                rfc3339(row.at),
                f"vsa audit show {shlex.quote(row.run)} --on {shlex.quote(row.node)}",
                "audit",
                {"run": row.run},
            ),
        )
    return list(found.values())
