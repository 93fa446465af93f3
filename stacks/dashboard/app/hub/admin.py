"""`python -m hub.admin`: the operations of the hub, JSON on stdin, JSON on stdout.

Who may run a program in this container may change the hub; there is no other way, and none over HTTP. A token is in the
answer of the operation that made it and nowhere else: not in the arguments, not in a log.
Exit codes: 0 done, 2 the request has not its form, 3 refused (nothing was changed), 4 the database failed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from hub.core import RefusedError, node_name
from hub.database import connect
from hub.errors import shown_value
from hub.moments import now
from hub.registry import OperationError, Registration, register, remove, revoke, rotate, show
from hub.settings import settings_of

__all__ = ("answer", "main")

_MOST = 64 * 1024
_BAD, _REFUSED, _FAILED = 2, 3, 4

_Word = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[^\x00-\x20\x7f]+$")]


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    do: str
    # Say what would happen, and change nothing.
    check: bool = False
    node: str | None = None
    hostname: _Word | None = None
    address: _Word | None = None
    provider: _Word | None = None
    # SHA-256 of a token that the caller made, so that the token does not come here.
    token_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None


def answer(engine: Engine, text: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the answer of a request."""
    try:
        asked = _Request.model_validate(json.loads(text))
        if asked.node is not None:
            node_name(asked.node)
        found = _operation(asked)(engine)
        if asked.check:
            found.pop("token", None)
        return 0, found
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = "/".join(str(part) for part in first["loc"])
        return _BAD, _error("request", first["msg"], place, shown_value(first["input"]))
    except RefusedError as error:
        return _BAD, _error("request", error.message, error.field or "node", shown_value(error.value))
    except ValueError:
        return _BAD, _error("request", "the request is no JSON", "request", None)
    except OperationError as error:
        return _REFUSED, _error(error.code, error.message, error.field, error.value)


def _operation(asked: _Request) -> Callable[[Engine], dict[str, Any]]:
    """Return the operation that is asked for, ready to run. OperationError if it needs something that is missing."""
    at = now()
    if asked.do == "show":
        return lambda engine: show(engine, asked.node, at=at)
    node = _needed(asked, "node")
    if asked.do == "register":
        described = Registration(node, _needed(asked, "hostname"), _needed(asked, "address"), asked.provider)
        return lambda engine: register(engine, described, at=at, token_hash=_hash(asked), check=asked.check)
    if asked.do == "rotate":
        return lambda engine: rotate(engine, node, at=at, token_hash=_hash(asked), check=asked.check)
    operations: Mapping[str, Any] = {"revoke": revoke, "remove": remove}
    if asked.do not in operations:
        expected = ", ".join(("register", "rotate", *operations, "show"))
        raise OperationError("request", f"there is no such operation; expected: {expected}", "do", asked.do)
    return lambda engine: operations[asked.do](engine, node, at=at, check=asked.check)


def _hash(asked: _Request) -> bytes | None:
    return bytes.fromhex(asked.token_hash) if asked.token_hash else None


def _needed(asked: _Request, name: str) -> str:
    value = getattr(asked, name)
    if value is None:
        raise OperationError("request", f"{asked.do} needs {name}", name)
    return str(value)


def _error(code: str, message: str, field: str, value: str | None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "field": field, "value": value}}


def main() -> int:
    """Answer one request."""
    engine = connect(settings_of(os.environ).database, pool=1)
    try:
        # The hub migrated when it started. Before that the tables are missing, and the database failed.
        code, found = answer(engine, sys.stdin.read(_MOST))
    except DBAPIError as error:
        code, found = _FAILED, _error("database", f"the database failed: {type(error.orig).__name__}", "database", None)
    finally:
        engine.dispose()
    print(json.dumps(found, separators=(",", ":")))  # noqa: T201  the answer
    return code


if __name__ == "__main__":
    sys.exit(main())
