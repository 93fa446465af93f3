"""Keep the audit records of a beat, and the breaks of their chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects.postgresql import insert

from hub.beat.chain import Followed, follow, read_record
from hub.tables import audit, audit_break

__all__ = ("keep_records",)


def keep_records(
    connection: Connection, node: Row[Any], records: Sequence[str], *, at: datetime, oldest: datetime | None = None
) -> Followed:
    """Insert the records that are new and the breaks among them; return both with the ends of the chain."""
    read = [read_record(entry) for entry in records]
    hashes = [record.hash for record in read]
    query = select(audit.c.hash).where(audit.c.node == node.id, audit.c.hash.in_(hashes))
    known = frozenset(connection.scalars(query)) if hashes else frozenset()
    found = follow(read, known=known, after=node.audit_after, tail=node.audit_tail, oldest=oldest)
    if found.new:
        fields = ("hash", "run", "kind", "actor", "verb", "target", "status", "whole", "line")
        rows = [
            {"node": node.id, "received_at": at, "at": record.at or at}
            | {name: getattr(record, name) for name in fields}
            for record in found.new
        ]
        connection.execute(insert(audit).on_conflict_do_nothing(), rows)
    if found.breaks:
        breaks = [{"node": node.id, "received_at": at, **asdict(entry)} for entry in found.breaks]
        connection.execute(insert(audit_break).on_conflict_do_nothing(), breaks)
    return found
