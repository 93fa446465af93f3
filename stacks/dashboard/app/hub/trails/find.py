"""Which runs are on a page, from the table of records.

**A run stands where the newest of its records stands that match the filters.** So each run is in the list once: a
record with a newer matching one of the same run is passed over, on whichever page that one is. Records that arrive
later can only move a run to the newer end of the list.

One filter is looked up in its index, and the others are compared while reading. At most so many records are looked at
for one page; what was found until then is shown, with a link that goes on from there. So no combination of filters, and
no run of a hundred thousand records, makes a page slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from hub.trails.wanted import NOT_OK, Key, Wanted

__all__ = ("LOOKED_AT", "PER_PAGE", "Found", "find_runs", "matching_runs", "record_of", "records_of", "rows_about")

PER_PAGE = 50
LOOKED_AT = 2_000
"""So many records are looked at for one page."""
_OF_A_RUN = 60
"""So many records of one run are read for the list, the newest ones."""

# Rarest first: the first one that is asked for is looked up, the others are compared.
_FILTERS = ("run", "target", "status", "node", "verb", "actor")
_NOT_OK = "status not in ('ok', 'started')"

# The end of a line has the duration and the error; a whole line may have 256 KiB.
_COLUMNS = """
    {a}.node, {a}.hash, {a}.at, {a}.run, {a}.kind, {a}.actor, {a}.verb, {a}.target, {a}.status, {a}.whole,
    case when {a}.kind <> 'started' then right({a}.line, 1500) end as tail,
    {a}.kind <> 'started' and {a}.line like :checked as checked
"""
# Within a text of the line the quotes would be escaped.
_CHECKED = '%},"check":true,"status":"%'


@dataclass(frozen=True)
class Found:
    """The records where the runs of a page stand, newest first, and where the next page begins.

    ``looked_until`` is where the search gave up, if it did.
    """

    heads: Sequence[Row[Any]]
    next: Key | None
    looked_until: Key | None


def find_runs(connection: Connection, wanted: Wanted, *, most: int = PER_PAGE) -> Found:
    """Return the runs that are wanted from a place on, ``most`` at most."""
    values = _values(wanted)
    heads = list(connection.execute(text(_page(wanted, most + 1)), {**values, "checked": _CHECKED}))
    if len(heads) > most:
        last = heads[most - 1]
        return Found(heads[:most], Key(last.at, last.hash), None)
    # Fewer than a page: either there are no more, or the search gave up.
    end = connection.execute(text(_end(wanted)), values).one_or_none()
    until = Key(end.at, end.hash) if end is not None else None
    return Found(heads, until, until)


def records_of(connection: Connection, runs: Sequence[str]) -> list[Row[Any]]:
    """Return the records of runs without their lines, the newest first; of each run the newest ones."""
    return list(connection.execute(text(_RECORDS), {"runs": sorted(set(runs)), "checked": _CHECKED})) if runs else []


def record_of(connection: Connection, found: str) -> Row[Any] | None:
    """Return the record of a hash with its line. The key of the table begins with the node, so each node is asked."""
    query = f"""
        select r.* from node o cross join lateral (
            select {_COLUMNS.format(a="a")}, a.line from audit a where a.node = o.id and a.hash = :hash
        ) r order by r.node limit 1
    """  # noqa: S608
    return connection.execute(text(query), {"hash": found, "checked": _CHECKED}).one_or_none()


def matching_runs(connection: Connection, wanted: Wanted, runs: Sequence[str]) -> set[str]:
    """Return those of the runs that have a record here that fits the filters, wherever they stand in the list."""
    conditions = [_condition(name, wanted, "n") for name in _asked(wanted)] + _times(wanted, "n")
    query = f"""
        select u.run from unnest(cast(:runs as text[])) u (run)
        where exists (select from audit n where {" and ".join(["n.run = u.run", *conditions])})
    """  # noqa: S608
    return set(connection.scalars(text(query), {**_values(wanted), "runs": list(runs)}))


def rows_about(connection: Connection) -> int:
    """Return how many records there are, as the statistics of the table say it: nobody counts them for a page."""
    query = text("select n_live_tup from pg_stat_user_tables where relname = 'audit'")
    return int(connection.scalar(query) or 0)


def _values(wanted: Wanted) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(wanted, name) for name in (*_FILTERS, "since", "until")}
    if wanted.before:
        values |= {"before_at": wanted.before.at, "before_hash": wanted.before.hash}
    return {name: value for name, value in values.items() if value is not None}


def _condition(name: str, wanted: Wanted, alias: str) -> str:
    """Return the condition of one filter. Names come from this program and values are bound."""
    if name != "status":
        return f"{alias}.{name} = :{name}"
    return f"{alias}.{_NOT_OK}" if wanted.status == NOT_OK else f"{alias}.status = :status"


def _times(wanted: Wanted, alias: str) -> list[str]:
    since = [f"{alias}.at >= :since"] if wanted.since else []
    return since + ([f"{alias}.at < :until"] if wanted.until else [])


def _asked(wanted: Wanted) -> list[str]:
    return [name for name in _FILTERS if getattr(wanted, name) is not None]


def _looked_at(wanted: Wanted) -> str:
    """Return the statement that reads along one index, from the place on."""
    first = next((name for name in _asked(wanted) if name != "status" or wanted.status != "ok"), None)
    conditions = _times(wanted, "a")
    if first is not None:
        # What did not end well has one index, whatever the word for it.
        conditions.append(f"a.{_NOT_OK}" if first == "status" else _condition(first, wanted, "a"))
    if wanted.before:
        conditions.append("(a.at, a.hash) < (:before_at, :before_hash)")
    where = f"where {' and '.join(conditions)}" if conditions else ""
    return f"""
        select a.* from audit a {where}
        order by a.at desc, a.hash desc limit {LOOKED_AT}
    """  # noqa: S608


def _page(wanted: Wanted, most: int) -> str:
    asked = _asked(wanted)
    here = [_condition(name, wanted, "r") for name in asked]
    newer = [_condition(name, wanted, "n") for name in asked] + _times(wanted, "n")
    # A record without the id of a run stands for itself.
    here.append(
        f"""(r.run = '' or not exists (
            select from audit n where {" and ".join(["n.run = r.run", "(n.at, n.hash) > (r.at, r.hash)", *newer])}
        ))"""
    )
    return f"""
        select {_COLUMNS.format(a="r")} from ({_looked_at(wanted)}) r
        where {" and ".join(here)} order by r.at desc, r.hash desc limit {most}
    """  # noqa: S608


def _end(wanted: Wanted) -> str:
    """Return the statement for the last record that was looked at, if there were as many as one page looks at."""
    return f"""
        select s.at, s.hash from (
            select l.at, l.hash, row_number() over (order by l.at desc, l.hash desc) as number
            from ({_looked_at(wanted)}) l
        ) s where s.number = {LOOKED_AT}
    """  # noqa: S608


_RECORDS = f"""
    select r.* from unnest(cast(:runs as text[])) u (run) cross join lateral (
        select {_COLUMNS.format(a="a")} from audit a where a.run = u.run
        order by a.at desc, a.hash desc limit {_OF_A_RUN}
    ) r
"""  # noqa: S608
