# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The token of an agent, the name of its node, and the address of its hub: their forms, and the hash of a token.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import NoReturn

from ..errors import RefusedError

__all__ = ("PREFIX", "RANDOM_BYTES", "hub_base", "made_token", "node_name", "node_of_token", "token_hash")

PREFIX = "vsa1"
"""The first part of every token. Another form of token will have another prefix."""

RANDOM_BYTES = 32
"""So many random bytes are in a token: 256 bits, which nobody guesses, so a fast hash is enough (SHA-256)."""

_NODE = re.compile(r"(?!(?:all|ungrouped|localhost)\Z)[A-Za-z](?:[A-Za-z0-9_-]|[.](?![.])){0,61}[A-Za-z0-9]", re.ASCII)
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_HUB = re.compile(
    r"https://((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(:[1-9][0-9]{0,4})?/?(?:api/?)?"
)
_EXPECTED = f"{PREFIX}.<node>.<43 characters>, as the hub gave it out"


def node_name(value: object, *, field: str = "node") -> str:
    """Return the name of a node: what the inventory may call a host. RefusedError for anything else."""
    if not isinstance(value, str) or not _NODE.fullmatch(value):
        raise RefusedError(
            "this is not the name of a node",
            field=field,
            value=value,
            expected="2 to 63 letters, digits, dots, dashes and underscores, the first a letter",
        )
    return value


def made_token(node: str, *, randomness: bytes) -> str:
    """Return a new token of a node, from 32 random bytes."""
    if len(randomness) != RANDOM_BYTES:
        raise ValueError(f"a token wants {RANDOM_BYTES} random bytes")
    secret = base64.urlsafe_b64encode(randomness).rstrip(b"=").decode("ascii")
    return f"{PREFIX}.{node_name(node)}.{secret}"


def node_of_token(value: object, *, field: str = "token") -> str:
    """Return the node that a token belongs to. RefusedError, which never shows the value, if it is no token."""
    if not isinstance(value, str):
        _refuse(field, "it is not text")
    start, _dot, rest = value.partition(".")
    node, dot, secret = rest.rpartition(".")
    if start != PREFIX or not dot:
        _refuse(field, "it has not three parts")
    if not _NODE.fullmatch(node):
        _refuse(field, "its second part is not the name of a node")
    if not _SECRET.fullmatch(secret):
        _refuse(field, f"its last part has {len(secret)} characters, or others than base64url has")
    return node


def _refuse(field: str, why: str) -> NoReturn:
    raise RefusedError(f"this is not a token of the hub: {why}", field=field, expected=_EXPECTED)


def token_hash(token: str) -> str:
    """Return the SHA-256 of a whole token, in 64 hex digits: what the hub stores and compares."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def hub_base(value: object, *, field: str = "hub_url") -> str:
    """Return the address of a hub without a path: ``https://hub.example.com``.

    A final ``/``, ``/api`` or ``/api/`` may be typed. RefusedError for anything else, plain HTTP included.
    """
    found = _HUB.fullmatch(value.strip().lower()) if isinstance(value, str) and len(value) <= 250 else None
    port = int(found[2][1:]) if found and found[2] else 443
    if not found or port > 65535:
        raise RefusedError(
            "this is not the address of a hub", field=field, value=value, expected="https://dashboard.example.com"
        )
    return f"https://{found[1]}{found[2] or ''}"
