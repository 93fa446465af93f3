"""Which of a node's tokens was sent, and whether it may be used. The hub keeps hashes alone."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from hub.core import RANDOM_BYTES, RefusedError, made_token, node_of_token, token_hash
from hub.tables import token as tokens

__all__ = ("find_token", "hash_of", "is_valid", "new_token")

# Compared if there is nothing to compare with, so that the comparison takes place in any case.
_NO_HASH = bytes(32)


def new_token(node: str) -> str:
    """Return a new token of 256 random bits for a node."""
    return made_token(node, randomness=secrets.token_bytes(RANDOM_BYTES))


def hash_of(token: str) -> bytes:
    """Return what the hub keeps of a token. 256 random bits need no slow hash."""
    return bytes.fromhex(token_hash(token))


def find_token(connection: Connection, token: str) -> Row[Any] | None:
    """Return the row of a token among those of the node that it names; None if there is none.

    A text that is no token, a node that does not exist and a wrong token take the same way: one query, and comparisons
    in constant time.
    """
    try:
        node = node_of_token(token)
    except RefusedError:
        node = ""
    wanted = hash_of(token)
    found = None
    secrets.compare_digest(_NO_HASH, wanted)
    for row in connection.execute(select(tokens).where(tokens.c.node == node)):
        if secrets.compare_digest(bytes(row.hash), wanted):
            found = row
    return found


def is_valid(row: Row[Any], at: datetime) -> bool:
    """Say whether a token may be used: it is not revoked, and if it was replaced its time has not run out."""
    return row.revoked_at is None and (row.valid_until is None or at < row.valid_until)
