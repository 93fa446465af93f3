# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hub answers to a beat: the answer of a beat that was taken, or the error of one that was not.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ..times import parse_time
from ..words import escaped, shortened

__all__ = (
    "ACCEPTED",
    "AGENT_TOO_OLD",
    "BAD_BEAT",
    "DATABASE",
    "ENCODING",
    "NO_ANSWER",
    "OTHER_MACHINE",
    "REPEATED",
    "STALE",
    "STATUS_OF",
    "TOKEN_REVOKED",
    "TOKEN_UNKNOWN",
    "TOO_LARGE",
    "TOO_SOON",
    "UNDER_WAY",
    "Answer",
    "Refusal",
    "answer_of",
    "error_body",
    "is_older",
)

ACCEPTED, REPEATED, STALE = "accepted", "repeated", "stale"
"""What became of a beat. ``repeated``: the hub has this sequence already; ``stale``: it has a later one."""

BAD_BEAT, TOKEN_UNKNOWN, TOKEN_REVOKED, OTHER_MACHINE = "bad_beat", "token_unknown", "token_revoked", "other_machine"
TOO_LARGE, ENCODING, AGENT_TOO_OLD = "too_large", "encoding", "agent_too_old"
TOO_SOON, UNDER_WAY, DATABASE = "too_soon", "under_way", "database"

STATUS_OF = {
    BAD_BEAT: 400,
    TOKEN_UNKNOWN: 401,
    TOKEN_REVOKED: 401,
    OTHER_MACHINE: 409,
    TOO_LARGE: 413,
    ENCODING: 415,
    AGENT_TOO_OLD: 426,
    TOO_SOON: 429,
    UNDER_WAY: 429,
    DATABASE: 503,
}
"""The HTTP status of each error code."""

NO_ANSWER = "no_answer"
"""The code of a refusal that the hub did not write: no connection, no JSON, a status of the proxy in front of it."""

_HEX64 = re.compile(r"[0-9a-f]{64}")
_CODE = re.compile(r"[a-z_]{1,40}")
# A hub that asks for a longer wait is asked again after an hour all the same.
_LONGEST_WAIT = 3600


@dataclass(frozen=True)
class Answer:
    """The hub took the beat, or had it already.

    * ``sequence``: the last sequence that the hub has of this epoch. ``audit_after``: the hash of its last record.
    * ``more``: the hub wants the next records at once. ``interval``: the seconds until the next beat.
    * ``time``: the hub's own time. ``agent_minimum``: the oldest agent that the hub understands.
    """

    result: str
    sequence: int
    audit_after: str | None
    more: bool
    interval: int
    time: str
    agent_minimum: str


@dataclass(frozen=True)
class Refusal:
    """The hub did not take the beat: the HTTP status (0 without one), the code, a message, and a wait in seconds."""

    status: int
    code: str
    message: str
    retry_after: int | None = None


def answer_of(status: int, body: bytes, *, retry_after: str | None = None) -> Answer | Refusal:
    """Return what an HTTP response means. A response that is not the hub's becomes a refusal: it never raises."""
    data = _json(body)
    if status == 200:
        answer = _answer(data)
        return answer if answer else Refusal(status, NO_ANSWER, "the answer is not one of a hub of VSA")
    wait = _seconds(retry_after)
    error = data.get("error") if isinstance(data, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(error, dict) or not isinstance(code, str) or not _CODE.fullmatch(code):
        return Refusal(status, NO_ANSWER, f"HTTP {status}, and not from the hub itself", wait)
    message = shortened(escaped(str(error.get("message") or code)))
    field = error.get("field")
    if isinstance(field, str) and field:
        message = f"{message} ({shortened(escaped(field))})"
    return Refusal(status, code, message, wait)


def error_body(code: str, message: str, *, field: str | None = None, value: str | None = None) -> dict[str, Any]:
    """Return the JSON values of an error, as the hub sends them."""
    known = {"code": code, "message": message, "field": field, "value": value}
    return {"error": {name: entry for name, entry in known.items() if entry is not None}}


def is_older(version: str, minimum: str) -> bool:
    """Say whether a version is older than another, by their numbers. What is not a version is never older."""
    try:
        return _numbers(version) < _numbers(minimum)
    except ValueError:
        return False


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.split(r"[-+]", version)[0].split("."))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _seconds(text: str | None) -> int | None:
    text = (text or "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    return min(int(text), _LONGEST_WAIT)


def _answer(data: object) -> Answer | None:
    if not isinstance(data, dict):
        return None
    result, sequence, after = data.get("result"), data.get("sequence"), data.get("audit_after")
    interval, time, minimum = data.get("interval"), data.get("time"), data.get("agent_minimum")
    if result not in (ACCEPTED, REPEATED, STALE):
        return None
    if not (isinstance(sequence, int) and _is_count(sequence) and isinstance(interval, int) and _is_count(interval)):
        return None
    if after is not None and not (isinstance(after, str) and _HEX64.fullmatch(after)):
        return None
    if not isinstance(time, str) or parse_time(time) is None or not isinstance(minimum, str):
        return None
    return Answer(
        result=result,
        sequence=sequence,
        audit_after=after,
        more=data.get("more") is True,
        interval=interval,
        time=time,
        agent_minimum=minimum[:40],
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
