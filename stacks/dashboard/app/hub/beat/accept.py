"""Take a beat in one transaction, under the lock of its node's row: all of it is stored, or nothing of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, select, update
from sqlalchemy.dialects.postgresql import insert

from hub.attention import TWO_AGENTS, note_attention
from hub.beat.parse import AGENT_MINIMUM, Beat, Read
from hub.beat.reconcile import reconcile
from hub.beat.trail import keep_records
from hub.core import (
    ACCEPTED,
    BAD_BEAT,
    INTERVAL,
    OTHER_MACHINE,
    REPEATED,
    STALE,
    TOKEN_REVOKED,
    TOKEN_UNKNOWN,
)
from hub.errors import HubError, refusal
from hub.fleet.growth import keep_points
from hub.moments import rfc3339
from hub.tables import node as nodes
from hub.tables import section as sections
from hub.tables import token as tokens
from hub.tokens import find_token, is_valid

__all__ = ("Answer", "authorize", "note_refusal", "take_beat")


@dataclass(frozen=True)
class Answer:
    """What the agent is told about a beat that was taken, or that changed nothing."""

    result: str
    sequence: int
    audit_after: str | None
    more: bool
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {
            "result": self.result,
            "sequence": self.sequence,
            "audit_after": self.audit_after,
            "more": self.more,
            "interval": INTERVAL,
            "time": rfc3339(self.at),
            "agent_minimum": AGENT_MINIMUM,
        }


def authorize(engine: Engine, token: str, *, at: datetime) -> str:
    """Return the node of a token, before the body is read. HubError if the token is unknown or revoked."""
    with engine.connect() as connection:
        return str(_checked(connection, token, at).node)


def _checked(connection: Connection, token: str, at: datetime) -> Row[Any]:
    row = find_token(connection, token)
    if row is None:
        raise refusal(TOKEN_UNKNOWN, "the hub does not know this token")
    if not is_valid(row, at):
        raise refusal(TOKEN_REVOKED, "this token was revoked or replaced")
    return row


def take_beat(
    engine: Engine, beat: Beat, *, token: str, address: str, at: datetime, oldest: datetime | None = None
) -> Answer:
    """Store a beat and return the answer. HubError, or an error of the database, if nothing of it was stored.

    ``oldest`` is the time from which on audit records are kept.
    """
    with engine.begin() as connection:
        node = connection.execute(select(nodes).where(nodes.c.id == beat.node).with_for_update()).one_or_none()
        # Asked again under the lock: who revokes a token holds the lock too, so no beat comes in afterwards.
        row = _checked(connection, token, at)
        if node is None or row.node != beat.node:
            raise refusal(BAD_BEAT, "the token is of another node", "node", beat.node)
        other = _of_other_machine(connection, beat, row, address=address, at=at)
        if other is None:
            return _taken(connection, node, row, beat, address=address, at=at, oldest=oldest)
    # The transaction kept what needs attention, and nothing else.
    raise other


def _of_other_machine(
    connection: Connection, beat: Beat, row: Row[Any], *, address: str, at: datetime
) -> HubError | None:
    if row.machine is None or row.machine == beat.machine:
        return None
    known = row.machine_address or "an unknown address"
    text = f"a second machine at {address} has the token of this node, whose machine reports from {known}"
    note_attention(connection, beat.node, OTHER_MACHINE, text, addresses=(known, address), at=at)
    return refusal(OTHER_MACHINE, "another machine uses this token already; rotate the token of this node")


def _taken(
    connection: Connection,
    node: Row[Any],
    row: Row[Any],
    beat: Beat,
    *,
    address: str,
    at: datetime,
    oldest: datetime | None,
) -> Answer:
    if node.epoch == beat.epoch and beat.sequence <= node.sequence:
        result = REPEATED if beat.sequence == node.sequence else STALE
        if result == REPEATED and bytes(node.beat_hash) != beat.hash:
            # No agent sends one number with two contents, so this is a copy of its machine with all that is on it.
            text = f"two agents send as this node, one of them from {address}: the machine was copied with its state"
            note_attention(connection, beat.node, TWO_AGENTS, text, addresses=(address,), at=at)
        return Answer(result, node.sequence, node.audit_after, False, at)
    for read in beat.sections:
        _store_section(connection, beat.node, read, at)
    trail = keep_records(connection, node, beat.records, at=at, oldest=oldest)
    _use_token(connection, row, beat, address=address, at=at)
    connection.execute(
        update(nodes)
        .where(nodes.c.id == beat.node)
        .values(
            received_at=at,
            taken_at=beat.taken_at,
            skew_seconds=(beat.taken_at - at).total_seconds(),
            epoch=beat.epoch,
            sequence=beat.sequence,
            beat_hash=beat.hash,
            agent=beat.agent,
            refused_at=None,
            refused_code=None,
            refused_text=None,
            audit_after=trail.after,
            audit_tail=trail.tail,
            audit_left=beat.left,
            audit_error=beat.audit_error,
        )
    )
    return Answer(ACCEPTED, beat.sequence, trail.after, beat.left > 0, at)


def _store_section(connection: Connection, node: str, read: Read, at: datetime) -> None:
    """Store the rows of a section if its source was read and says something new, and in any case when it was tried."""
    values: dict[str, Any] = {"status": read.status, "at": read.at, "received_at": at, "error": read.error}
    if read.rows is None:
        kept = select(sections.c.failed_since).where(sections.c.node == node, sections.c.name == read.name)
        values["failed_since"] = connection.scalar(kept) or at
    else:
        known = select(sections.c.digest).where(sections.c.node == node, sections.c.name == read.name)
        if connection.scalar(known) != read.digest:
            reconcile(connection, read.name, node=node, rows=read.rows, at=at)
        if read.name == "figures":
            disks = [disk for row in read.rows for disk in row.body.get("disks") or ()]
            keep_points(connection, node, disks, at=at)
        values |= {"rows_at": read.at, "rows_received_at": at, "digest": read.digest, "failed_since": None}
    statement = insert(sections).values(node=node, name=read.name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["node", "name"], set_=values))


def _use_token(connection: Connection, row: Row[Any], beat: Beat, *, address: str, at: datetime) -> None:
    """Bind a token to the machine of its first beat. The first beat with a new token ends those before."""
    if row.used_at is not None:
        return
    used = {"machine": beat.machine, "machine_address": address, "used_at": at}
    connection.execute(update(tokens).where(tokens.c.hash == row.hash).values(**used))
    # Not a later one: it may be on its way to the node.
    before = (tokens.c.node == beat.node) & (tokens.c.made_at < row.made_at) & tokens.c.revoked_at.is_(None)
    connection.execute(update(tokens).where(before).values(revoked_at=at))


def note_refusal(engine: Engine, node: str, refused: HubError, *, at: datetime) -> None:
    """Keep that a beat of a node with a valid token was refused, so that its row says why it is silent."""
    place = f" ({refused.field} = {refused.value})" if refused.field else ""
    values = {"refused_at": at, "refused_code": refused.code, "refused_text": f"{refused.message}{place}"[:500]}
    # Not more often than twice a minute: refused beats must not write all the time.
    due = nodes.c.refused_at.is_(None) | (nodes.c.refused_at < at - timedelta(seconds=INTERVAL))
    with engine.begin() as connection:
        connection.execute(update(nodes).where((nodes.c.id == node) & due).values(**values))
