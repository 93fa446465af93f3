"""What needs attention about a node and follows from no row of it: kept with its first and its last time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from hub.tables import attention

__all__ = ("TWO_AGENTS", "note_attention")

TWO_AGENTS = "two_agents"
_MOST_ADDRESSES = 10


def note_attention(
    connection: Connection, node: str, kind: str, text: str, *, addresses: Iterable[str], at: datetime
) -> None:
    """Note something, or that it happened once more. All addresses that were seen are kept, ten at most."""
    there = (attention.c.node == node) & (attention.c.kind == kind)
    # The caller holds the lock of the node's row, so nobody else changes this row in between.
    before = connection.scalar(select(attention.c.addresses).where(there)) or []
    values = {"last_at": at, "text": text, "addresses": sorted({*before, *addresses})[:_MOST_ADDRESSES]}
    statement = insert(attention).values(node=node, kind=kind, since=at, times=1, **values)
    changed = {**values, "times": attention.c.times + 1}
    connection.execute(statement.on_conflict_do_update(index_elements=["node", "kind"], set_=changed))
