"""Audit records as they arrive: each is kept once, and what does not follow the record before is kept as a break.

The hash of a record is computed here from the record. So an edited record is seen, although nobody here can tell what
it said before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.core import GENESIS, escaped, parse_time, record_hashes

__all__ = ("BEGINS_LATE", "EDITED", "GAP", "Break", "Followed", "Record", "follow", "read_record")

BEGINS_LATE, GAP, EDITED = "begins_late", "gap", "edited"
_LONGEST = 300


@dataclass(frozen=True)
class Record:
    """A record: its ``line`` in the trail, the ``hash`` of its content, and the hashes that it claims.

    ``whole`` says whether its content is what its hash says. The other fields are for lists, and are escaped.
    """

    line: str
    hash: str
    claimed: str
    previous: str
    whole: bool
    at: datetime | None
    run: str
    kind: str
    actor: str
    verb: str
    target: str | None
    status: str


@dataclass(frozen=True)
class Break:
    """A place where the chain breaks: before the record of ``hash``, which should follow ``after``."""

    kind: str
    after: str | None
    hash: str
    text: str


@dataclass
class Followed:
    """The records that are new, the breaks among them, and the two ends: see :func:`follow`."""

    new: list[Record] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    after: str | None = None
    tail: str | None = None


def read_record(line: str) -> Record:
    """Return the record of a line of the trail. The form of the line was checked; its content may be anything."""
    previous, claimed, true = record_hashes(line)
    data = _content(line)
    actor = data.get("actor")
    target = data.get("target")
    return Record(
        line=line,
        # The hash of what came: two edited versions of one record are two records.
        hash=true,
        claimed=claimed,
        previous=previous,
        whole=claimed == true,
        at=_plausible(parse_time(data.get("time"))),
        run=_shown(data.get("id")),
        kind=_shown(data.get("kind")),
        actor=_shown(actor.get("user") if isinstance(actor, Mapping) else None),
        verb=_shown(data.get("verb")),
        target=None if target is None else _shown(target),
        status=_shown(data.get("status")),
    )


def _content(line: str) -> Mapping[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _shown(value: object) -> str:
    return escaped(str(value if value is not None else ""))[:_LONGEST]


def _plausible(moment: datetime | None) -> datetime | None:
    return moment if moment is not None and 2000 <= moment.year < 9000 else None


def follow(
    records: Iterable[Record],
    *,
    known: frozenset[str],
    after: str | None,
    tail: str | None,
    oldest: datetime | None = None,
) -> Followed:
    """Return what is new among the records that a beat brings, oldest first.

    ``known`` are hashes of records that the hub has. ``tail`` is the newest record of the chain here: the next new
    record must follow it. ``after`` is the last record that the agent is told to have arrived: after a trail was cut or
    restored, it lies before the tail for some beats. ``oldest`` is the time from which on records are kept: one from
    before that does not follow the tail is one that the hub had and has deleted, so it is no break.
    """
    found = Followed(after=after, tail=tail)
    seen = set(known)
    for record in records:
        found.after = record.claimed
        if record.hash in seen or _had(record, found.tail, oldest):
            continue
        seen.add(record.hash)
        found.breaks += _breaks(record, found.tail)
        found.new.append(record)
        found.tail = record.claimed
    return found


def _had(record: Record, tail: str | None, oldest: datetime | None) -> bool:
    old = oldest is not None and record.at is not None and record.at < oldest
    return old and tail is not None and record.previous != tail


def _breaks(record: Record, tail: str | None) -> list[Break]:
    found = []
    if tail is None and record.previous != GENESIS:
        text = "the trail has earlier records, which the node no longer has or never sent"
        found.append(Break(BEGINS_LATE, None, record.hash, text))
    elif tail is not None and record.previous != tail:
        text = "this record does not follow the last one: records between them are missing, or the trail was rewritten"
        found.append(Break(GAP, tail, record.hash, text))
    if not record.whole:
        found.append(Break(EDITED, tail, record.hash, "the record's content is not what its hash says"))
    return found
