"""Which nodes the hub knows, and their tokens: register, rotate, revoke, remove, show.

Every operation is one transaction that holds the lock of the node's row, so none of them meets a beat half-way.
With ``check`` the transaction is rolled back at its end: the answer says what would happen, and nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, text, update

from hub.moments import freshness, rfc3339
from hub.tables import SECTION_TABLES, attention, audit
from hub.tables import node as nodes
from hub.tables import token as tokens
from hub.tokens import hash_of, is_valid, new_token

__all__ = ("OperationError", "Registration", "register", "remove", "revoke", "rotate", "show")

_OVERLAP = timedelta(hours=24)
_LOCK = 7_381_120_202


@dataclass(eq=False)
class OperationError(Exception):
    """An operation that was refused: nothing was changed. ``code`` is for programs."""

    code: str
    message: str
    field: str
    value: str | None = None


@dataclass(frozen=True)
class Registration:
    """A node as the operator describes it."""

    node: str
    hostname: str
    address: str
    provider: str | None = None


def register(
    engine: Engine, asked: Registration, *, at: datetime, token_hash: bytes | None = None, check: bool = False
) -> dict[str, Any]:
    """Register a node and return its token, which is shown this once. With ``token_hash`` the caller made the token.

    A node that has a valid token is refused: ``rotate`` gives it another one.
    """
    with _transaction(engine, check=check) as connection:
        # Two registrations at once see each other.
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        found = _locked(connection, asked.node)
        _refuse_address(connection, asked)
        if found is None:
            row = {"id": asked.node, "registered_at": at, **_described(asked)}
            connection.execute(insert(nodes).values(**row))
        else:
            _refuse_registered(connection, asked.node, at)
            connection.execute(update(nodes).where(nodes.c.id == asked.node).values(**_described(asked)))
        return {"changed": True, **_made(connection, asked.node, at, token_hash)}


def rotate(
    engine: Engine, node: str, *, at: datetime, token_hash: bytes | None = None, check: bool = False
) -> dict[str, Any]:
    """Return a new token. The one in use stays valid until the first beat with the new one, or for 24 hours.

    A node without a valid token gets one too. What needs attention because of two machines is settled by that.
    """
    with _transaction(engine, check=check) as connection:
        _known(connection, node)
        live = tokens.c.node == node
        live &= tokens.c.revoked_at.is_(None)
        # A new token that nobody used yet is no longer wanted.
        used = connection.scalar(select(func.count()).select_from(tokens).where(live & tokens.c.used_at.is_not(None)))
        if used:
            unused = live & tokens.c.used_at.is_(None)
            connection.execute(update(tokens).where(unused).values(revoked_at=at))
        ends = func.least(func.coalesce(tokens.c.valid_until, at + _OVERLAP), at + _OVERLAP)
        connection.execute(update(tokens).where(live).values(valid_until=ends))
        connection.execute(delete(attention).where(attention.c.node == node))
        return {"changed": True, **_made(connection, node, at, token_hash)}


def revoke(engine: Engine, node: str, *, at: datetime, check: bool = False) -> dict[str, Any]:
    """Revoke all tokens of a node at once; its rows stay."""
    with _transaction(engine, check=check) as connection:
        _known(connection, node)
        return {"changed": _revoke_all(connection, node, at) > 0}


def remove(engine: Engine, node: str, *, at: datetime, check: bool = False) -> dict[str, Any]:
    """Delete a node with everything that the hub has of it, and return how much that was."""
    del at
    with _transaction(engine, check=check) as connection:
        if _locked(connection, node) is None:
            return {"changed": False, "removed": {}}
        counted = {name: _count(connection, table, node) for name, table in SECTION_TABLES.items()}
        counted["audit"] = _count(connection, audit, node)
        connection.execute(delete(nodes).where(nodes.c.id == node))
        return {"changed": True, "removed": counted}


def show(engine: Engine, node: str | None = None, *, at: datetime) -> dict[str, Any]:
    """Return all nodes or one, each with the state of its tokens. No token and no hash is shown."""
    with engine.connect() as connection:
        query = select(nodes).order_by(nodes.c.id)
        rows = connection.execute(query if node is None else query.where(nodes.c.id == node)).all()
        if node is not None and not rows:
            raise _unknown(node)
        return {"changed": False, "nodes": [_shown(connection, row, at) for row in rows]}


@contextmanager
def _transaction(engine: Engine, *, check: bool) -> Iterator[Connection]:
    """Yield a connection in a transaction, which is committed at the end, or rolled back if this is a check."""
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        if check:
            transaction.rollback()


def _described(asked: Registration) -> dict[str, Any]:
    return {"hostname": asked.hostname, "address": asked.address, "provider": asked.provider}


def _locked(connection: Connection, node: str) -> Row[Any] | None:
    return connection.execute(select(nodes).where(nodes.c.id == node).with_for_update()).one_or_none()


def _known(connection: Connection, node: str) -> Row[Any]:
    found = _locked(connection, node)
    if found is None:
        raise _unknown(node)
    return found


def _unknown(node: str) -> OperationError:
    return OperationError("unknown", "the hub knows no such node", "node", node)


def _refuse_address(connection: Connection, asked: Registration) -> None:
    query = select(nodes.c.id).where(nodes.c.address == asked.address, nodes.c.id != asked.node)
    other = connection.scalar(query)
    if other is not None:
        raise OperationError("address", f"the node {other} has this address already", "address", asked.address)


def _refuse_registered(connection: Connection, node: str, at: datetime) -> None:
    if any(is_valid(row, at) for row in _tokens(connection, node)):
        raise OperationError("exists", "the node is registered, and has a valid token", "node", node)


def _tokens(connection: Connection, node: str) -> list[Row[Any]]:
    return list(connection.execute(select(tokens).where(tokens.c.node == node).order_by(tokens.c.made_at)))


def _made(connection: Connection, node: str, at: datetime, token_hash: bytes | None) -> dict[str, str]:
    """Keep a token of a node by its hash; return the token if it was made here."""
    answer = {}
    if token_hash is None:
        made = new_token(node)
        token_hash, answer = hash_of(made), {"token": made}
    connection.execute(insert(tokens).values(hash=token_hash, node=node, made_at=at))
    return answer


def _revoke_all(connection: Connection, node: str, at: datetime) -> int:
    live = (tokens.c.node == node) & tokens.c.revoked_at.is_(None)
    return connection.execute(update(tokens).where(live).values(revoked_at=at)).rowcount


def _count(connection: Connection, table: Any, node: str) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(table.c.node == node)) or 0


def _shown(connection: Connection, row: Row[Any], at: datetime) -> dict[str, Any]:
    return {
        "id": row.id,
        "hostname": row.hostname,
        "address": row.address,
        "provider": row.provider,
        "registered_at": rfc3339(row.registered_at),
        "received_at": rfc3339(row.received_at),
        "freshness": freshness(row.received_at, at),
        "tokens": [
            {
                "made_at": rfc3339(entry.made_at),
                "used_at": rfc3339(entry.used_at),
                "valid": is_valid(entry, at),
                "valid_until": rfc3339(entry.valid_until),
                "revoked_at": rfc3339(entry.revoked_at),
            }
            for entry in _tokens(connection, row.id)
        ],
    }
