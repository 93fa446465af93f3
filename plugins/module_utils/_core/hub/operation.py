# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of the hub on its nodes: what is sent to `hub.admin` in the dashboard's container, and its answer.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..agent.token import node_name
from ..errors import RefusedError, RolledBackError, VsaError
from ..hints import Hint

__all__ = (
    "REGISTERED",
    "REMOVED",
    "REVOKED",
    "ROTATED",
    "SHOWN",
    "STATES",
    "NodeRequest",
    "answer_of",
    "is_address",
    "request_of",
)

REGISTERED, ROTATED, REVOKED, REMOVED, SHOWN = "registered", "rotated", "revoked", "removed", "shown"
STATES = (REGISTERED, ROTATED, REVOKED, REMOVED, SHOWN)
"""The states that the module can bring a node to."""

_OPERATIONS = {REGISTERED: "register", ROTATED: "rotate", REVOKED: "revoke", REMOVED: "remove", SHOWN: "show"}
_HASH = re.compile(r"[0-9a-f]{64}")
_PROVIDER = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9_])?")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_UNCHANGED = "the hub is as before"


@dataclass(frozen=True)
class NodeRequest:
    """What a run requests of the hub.

    * ``node``: the name of the node in the inventory; None, for ``shown`` alone, means all nodes.
    * ``hostname``, ``address`` and ``provider`` describe a node that is registered.
    * ``token_hash``: SHA-256 of the token that the controller made; the token itself stays there.
    """

    state: str
    node: str | None = None
    hostname: str | None = None
    address: str | None = None
    provider: str | None = None
    token_hash: str | None = None


def request_of(request: NodeRequest, *, check: bool = False) -> str:
    """Return the text for the standard input of `hub.admin`. RefusedError if a value has not its form.

    ``check``: the hub says what would happen, and changes nothing.
    """
    said: dict[str, Any] = {"do": _OPERATIONS[request.state]}
    if check:
        said["check"] = True
    if request.node is not None or request.state != SHOWN:
        said["node"] = node_name(request.node)
    if request.state == REGISTERED:
        said["hostname"] = _host(request.hostname)
        said["address"] = _address(request.address)
        if request.provider is not None:
            said["provider"] = _provider(request.provider)
    if request.state in (REGISTERED, ROTATED):
        if request.token_hash is None or not _HASH.fullmatch(request.token_hash):
            raise RefusedError("the hash of a token is missing", field="token_hash", expected="64 hex digits")
        said["token_hash"] = request.token_hash
    return json.dumps(said, separators=(",", ":"))


def answer_of(code: int, output: str, request: NodeRequest) -> dict[str, Any]:
    """Return the answer of `hub.admin`, given its exit code and standard output. VsaError if it did not do it."""
    try:
        found = json.loads(output)
    except ValueError:
        found = None
    if code == 0 and isinstance(found, dict) and "error" not in found:
        return found
    error = found.get("error") if isinstance(found, dict) else None
    if not isinstance(error, Mapping):
        raise RolledBackError(f"the hub gave no answer (exit code {code})", state=_UNCHANGED, hint=_look())
    raise _refused(error, request)


def _look() -> Hint:
    return Hint("stack.logs", {"name": "dashboard"})


def _refused(error: Mapping[str, Any], request: NodeRequest) -> VsaError:
    """Return an error of the hub in the words of the collection."""
    message, code = str(error.get("message") or "the hub refused"), error.get("code")
    if code == "database":
        return RolledBackError(f"the hub did nothing: {message}", state=_UNCHANGED, hint=_look())
    field, value = str(error.get("field") or "node"), error.get("value")
    expected = None
    if code == "exists":
        expected = "a node that the hub does not know"
    return RefusedError(
        f"the hub refused: {message}",
        field=field,
        value=request.node if value is None else value,
        expected=expected,
    )


def _host(value: object) -> str:
    """Return the name by which the node is reached: a name of DNS, a plain host name, or an address."""
    text = value if isinstance(value, str) else ""
    labels = text.rstrip(".").split(".")
    if not 1 <= len(text) <= 253 or not (all(map(_LABEL.fullmatch, labels)) or is_address(text)):
        raise RefusedError(
            "this is not the name of a host", field="hostname", value=value, expected="vps-01.example.com"
        )
    return text


def _address(value: object) -> str:
    if not isinstance(value, str) or not is_address(value):
        raise RefusedError("this is not an address", field="address", value=value, expected="an IPv4 or IPv6 address")
    return str(ipaddress.ip_address(value))


def is_address(text: str) -> bool:
    """Say whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _provider(value: object) -> str:
    if not isinstance(value, str) or not _PROVIDER.fullmatch(value):
        raise RefusedError("this is not the name of a provider", field="provider", value=value, expected="infomaniak")
    return value
