"""From the bytes of a beat to its value. What is wrong is refused with the field and the value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.core import AGENT_TOO_OLD, BAD_BEAT, OK, SECTIONS, RefusedError, is_older, parse_time, parsed_beat
from hub.core import Beat as Said
from hub.errors import HubError, refusal, shown_value

__all__ = ("AGENT_MINIMUM", "Beat", "Read", "Row", "parse_beat")

AGENT_MINIMUM = "0.1.0"
"""The oldest version of the agent whose beats this hub reads."""

# The field that says the state of a row, if its rows have one. `since` is when that state began.
_STATES: Mapping[str, tuple[str, ...]] = {
    "containers": ("state", "health"),
    "domains": ("state",),
    "certificates": ("state",),
    "served": ("error",),
    "stacks": ("state",),
}


@dataclass(frozen=True)
class Row:
    """A row of a section, with the known fields alone."""

    key: str
    state: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Read:
    """What a beat says of one source. ``rows`` are None if the source could not be read."""

    name: str
    status: str
    at: datetime
    error: str | None
    digest: str | None
    rows: tuple[Row, ...] | None


@dataclass(frozen=True)
class Beat:
    """A beat that has the form of the protocol. ``records`` are lines of the trail, which are judged later.

    ``left`` is how many the node has besides, and ``audit_error`` why its trail could not be read.
    ``hash`` is that of the body: two beats of one number with two contents come from two agents.
    """

    node: str
    machine: str
    epoch: str
    sequence: int
    taken_at: datetime
    agent: str
    sections: tuple[Read, ...]
    records: Sequence[str]
    left: int
    audit_error: str | None
    hash: bytes


def parse_beat(body: bytes) -> Beat:
    """Return the beat of a body. HubError names the first field that is wrong, and its value."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise refusal(BAD_BEAT, "the body is no JSON", "body") from error
    try:
        said = parsed_beat(data)
    except RefusedError as error:
        raise _named(error) from error
    if is_older(said.agent, AGENT_MINIMUM):
        text = f"this hub reads beats of agents from version {AGENT_MINIMUM} on"
        raise refusal(AGENT_TOO_OLD, text, "agent", said.agent)
    return _beat(said, hashlib.sha256(body).digest())


def _beat(said: Said, digest: bytes) -> Beat:
    return Beat(
        node=said.node,
        machine=said.machine,
        epoch=said.epoch,
        sequence=said.sequence,
        taken_at=_moment(said.taken_at, "taken_at"),
        agent=said.agent,
        sections=tuple(_read(name, section) for name, section in said.sections.items()),
        records=said.records,
        left=said.left,
        audit_error=said.audit_error,
        hash=digest,
    )


def _read(name: str, section: Mapping[str, Any]) -> Read:
    status = section["status"]
    rows: tuple[Row, ...] | None = None
    digest = None
    if status == OK:
        rows = tuple(_row(name, row) for row in section["rows"])
        digest = section["digest"] + _fields_of(name)
    elif status != "failed":
        # The host has no such thing: that was read too.
        rows, digest = (), status
    return Read(name, status, _moment(section["at"], f"sections/{name}/at"), section["error"], digest, rows)


def _row(name: str, body: Mapping[str, Any]) -> Row:
    words = (str(body[field]) for field in _STATES.get(name, ()) if body[field] is not None)
    return Row(body[SECTIONS[name].key], " ".join(words), body)


def _fields_of(name: str) -> str:
    """Return what makes a digest another one as soon as a release of the hub reads other fields of the same rows."""
    return ":" + hashlib.sha256(repr(SECTIONS[name].fields).encode()).hexdigest()[:8]


def _moment(text: str, field: str) -> datetime:
    found = parse_time(text)
    # Times at the edges of the calendar have no UTC that Python could read back.
    if found is None or not 2000 <= found.year < 9000:
        raise refusal(BAD_BEAT, "this is no plausible time", field, shown_value(text))
    return found


def _named(error: RefusedError) -> HubError:
    expected = f"; expected: {error.expected}" if error.expected else ""
    return refusal(BAD_BEAT, f"{error.message}{expected}", error.field or "body", shown_value(error.value))
