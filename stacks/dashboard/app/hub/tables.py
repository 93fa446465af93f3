"""The tables of the hub.

A section of a beat that has rows has a table of its own, and all these tables have one shape: what a row says is
``body``; ``since`` is when its state began, by the hub's clock. Nothing stores whether a node is online: that follows
from ``received_at`` when somebody asks.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

__all__ = (
    "SECTION_TABLES",
    "attention",
    "audit",
    "audit_break",
    "disk_point",
    "metadata",
    "node",
    "section",
    "token",
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_Moment = DateTime(timezone=True)


def _of_node(*, primary: bool = False) -> Column[str]:
    return Column("node", Text, ForeignKey("node.id", ondelete="CASCADE"), primary_key=primary, nullable=False)


node = Table(
    "node",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hostname", Text, nullable=False),
    Column("address", Text, nullable=False, unique=True),
    Column("provider", Text),
    Column("registered_at", _Moment, nullable=False),
    # The last accepted beat. All are null for a node that never sent one.
    Column("received_at", _Moment),
    Column("taken_at", _Moment),
    Column("skew_seconds", Double),
    Column("epoch", Text),
    Column("sequence", BigInteger),
    Column("beat_hash", LargeBinary),
    Column("agent", Text),
    # The last beat that was refused after the last accepted one: when, the code, and why.
    Column("refused_at", _Moment),
    Column("refused_code", Text),
    Column("refused_text", Text),
    # The record up to which the hub has the trail as the agent sees it, and the newest record of the chain here.
    Column("audit_after", Text),
    Column("audit_tail", Text),
    # How many records the node still has to send, and why its trail could not be read.
    Column("audit_left", BigInteger),
    Column("audit_error", Text),
)

token = Table(
    "token",
    metadata,
    # SHA-256 of the token. The token itself is nowhere.
    Column("hash", LargeBinary, primary_key=True),
    _of_node(),
    Column("made_at", _Moment, nullable=False),
    # The machine and the address of the first beat with this token. A beat of another machine is refused.
    Column("machine", Text),
    Column("machine_address", Text),
    Column("used_at", _Moment),
    # A token that is replaced is valid until its successor was used, or until this time.
    Column("valid_until", _Moment),
    Column("revoked_at", _Moment),
    Index(None, "node"),
)

section = Table(
    "section",
    metadata,
    _of_node(primary=True),
    Column("name", Text, primary_key=True),
    Column("status", Text, nullable=False),
    # When the agent tried to read the source, by the node's clock, and when the beat came, by the hub's.
    Column("at", _Moment, nullable=False),
    Column("received_at", _Moment, nullable=False),
    # The same two times of the rows that are kept. They stay behind if the source cannot be read.
    Column("rows_at", _Moment),
    Column("rows_received_at", _Moment),
    Column("error", Text),
    Column("failed_since", _Moment),
    Column("digest", Text),
    CheckConstraint("status in ('ok', 'failed', 'absent')", name="status"),
)


def _section_table(name: str) -> Table:
    return Table(
        name,
        metadata,
        _of_node(primary=True),
        Column("key", Text, primary_key=True),
        Column("state", Text, nullable=False),
        Column("since", _Moment, nullable=False),
        Column("body", JSONB, nullable=False),
        Column("body_hash", LargeBinary, nullable=False),
    )


SECTION_TABLES: Mapping[str, Table] = {
    name: _section_table(table)
    for name, table in {
        "node": "node_facts",
        "figures": "node_figures",
        "containers": "container",
        "usage": "container_usage",
        "domains": "domain",
        "certificates": "certificate",
        "served": "served_certificate",
        "stacks": "stack",
    }.items()
}
"""The table of each section of a beat."""

disk_point = Table(
    "disk_point",
    metadata,
    _of_node(primary=True),
    Column("mount", Text, primary_key=True),
    Column("hour", _Moment, primary_key=True),
    Column("used_bytes", BigInteger, nullable=False),
)
"""How full a filesystem was at the first beat of an hour, for thirty days."""

attention = Table(
    "attention",
    metadata,
    _of_node(primary=True),
    Column("kind", Text, primary_key=True),
    Column("since", _Moment, nullable=False),
    Column("last_at", _Moment, nullable=False),
    Column("times", Integer, nullable=False),
    Column("addresses", ARRAY(Text), nullable=False),
    Column("text", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    _of_node(primary=True),
    # The hash of the record's content, computed here.
    Column("hash", Text, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False),
    Column("received_at", _Moment, nullable=False),
    # The record's own time; that of the beat if the record has none that can be read.
    Column("at", _Moment, nullable=False),
    Column("run", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("target", Text),
    Column("status", Text, nullable=False),
    Column("whole", Boolean, nullable=False),
    # The line of the trail, in ASCII.
    Column("line", Text, nullable=False),
    # One index for each filter of the page, which pages by (at, hash).
    Index("ix_audit_at", text("at desc"), text("hash desc")),
    Index("ix_audit_node_at", "node", text("at desc"), text("hash desc")),
    Index("ix_audit_actor_at", "actor", text("at desc"), text("hash desc")),
    Index("ix_audit_verb_at", "verb", text("at desc"), text("hash desc")),
    Index("ix_audit_target_at", "target", text("at desc"), text("hash desc")),
    # The same order for the records of one run: the page asks whether a record is the newest of its run.
    Index("ix_audit_run_at", "run", text("at desc"), text("hash desc")),
    Index(
        "ix_audit_not_ok", text("at desc"), text("hash desc"), postgresql_where=text("status not in ('ok', 'started')")
    ),
)

audit_break = Table(
    "audit_break",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    _of_node(),
    Column("kind", Text, nullable=False),
    Column("received_at", _Moment, nullable=False),
    # The record after which the chain breaks; null if the hub has none before. And the record that does not follow it.
    Column("after", Text),
    Column("hash", Text, nullable=False),
    Column("text", Text, nullable=False),
    CheckConstraint("kind in ('begins_late', 'gap', 'edited')", name="kind"),
    UniqueConstraint("node", "kind", "after", "hash", postgresql_nulls_not_distinct=True),
)
