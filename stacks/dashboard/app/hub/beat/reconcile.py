"""Bring the rows of a section to what a beat says, in one statement; rows that are equal stay untouched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, TextClause, text

from hub.beat.parse import Row
from hub.tables import SECTION_TABLES

__all__ = ("reconcile",)


def _statement(table: str) -> TextClause:
    # The name of the table comes from the tables of this program, never from a beat.
    return text(f"""
        with sent as (
            select * from unnest(
                cast(:keys as text[]), cast(:states as text[]), cast(:bodies as text[]), cast(:hashes as bytea[])
            ) as s (key, state, body, body_hash)
        ), gone as (
            delete from {table} t
            where t.node = :node and not exists (select from sent where sent.key = t.key)
        )
        insert into {table} as t (node, key, state, since, body, body_hash)
        select :node, key, state, :at, cast(body as jsonb), body_hash from sent
        on conflict (node, key) do update set
            state = excluded.state,
            since = case when t.state = excluded.state then t.since else excluded.since end,
            body = excluded.body,
            body_hash = excluded.body_hash
        where t.body_hash <> excluded.body_hash
    """)  # noqa: S608


_STATEMENTS = {name: _statement(table.name) for name, table in SECTION_TABLES.items()}


def reconcile(connection: Connection, section: str, *, node: str, rows: Iterable[Row], at: datetime) -> None:
    """Insert new rows, update those whose hash differs, delete those that were not sent. ``at`` is the hub's time."""
    keys, states, bodies, hashes = [], [], [], []
    for row in rows:
        body = json.dumps(row.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        keys.append(row.key)
        states.append(row.state)
        bodies.append(body)
        hashes.append(hashlib.sha256(body.encode()).digest())
    values = {"node": node, "at": at, "keys": keys, "states": states, "bodies": bodies, "hashes": hashes}
    connection.execute(_STATEMENTS[section], values)
