"""A record as a list shows it, from the table of the nodes' trails or from a line that Loki has."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from hub.beat.chain import read_record
from hub.core import escaped

__all__ = ("CONTROLLERS", "NODES", "Entry", "began_at", "entry_of_line", "entry_of_row", "text_of")

NODES, CONTROLLERS = "nodes", "controllers"

_SHOWN = 300
_MOST_HOSTS = 100
# Quotes within a text are escaped, so nothing within the values looks like these keys.
_ENDING = re.compile(r',"duration":(null|[0-9.eE+-]+),"error":(null|"(?:[^"\\]|\\.)*"),"hash":"[0-9a-f]{64}"\}$')
_UUID7 = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Entry:
    """A record. ``origin``: whose trail it is from; ``writer``: the node, or the id of the controller.

    ``hosts`` are the hosts that it names: the node itself if it came from one.
    """

    origin: str
    writer: str
    hash: str
    at: datetime
    run: str
    kind: str
    actor: str
    verb: str
    target: str | None
    status: str
    whole: bool
    checked: bool
    hosts: tuple[str, ...]
    # When Loki has it, which may be some seconds apart; ``late`` if Loki has it at the time when it arrived.
    stamp: datetime
    seconds: float | None = None
    error: str | None = None
    late: bool = False
    # Of a record that was asked for alone, its line.
    line: str = ""


def entry_of_row(row: Row[Any]) -> Entry:
    """Return the record of a row of the table, whose ``tail`` is the end of its line."""
    ending = _ENDING.search(row.tail or "")
    seconds, error = (json.loads(part) for part in ending.groups()) if ending else (None, None)
    return Entry(
        origin=NODES,
        writer=row.node,
        hash=row.hash,
        at=row.at,
        run=row.run,
        kind=row.kind,
        actor=row.actor,
        verb=row.verb,
        target=row.target,
        status=row.status,
        whole=row.whole,
        checked=row.checked,
        hosts=(row.node,),
        stamp=row.at,
        seconds=_number(seconds),
        error=text_of(error),
    )


def entry_of_line(line: str, writer: str, at: datetime, late: bool) -> Entry | None:
    """Return the record of a line of Loki, which has it at a time; None if the line is no record."""
    try:
        data, record = json.loads(line), read_record(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, Mapping):
        return None
    hosts = data.get("hosts")
    named = [host for host in hosts if isinstance(host, str)] if isinstance(hosts, list) else []
    return Entry(
        origin=CONTROLLERS,
        writer=writer,
        hash=record.hash,
        at=record.at or at,
        run=record.run,
        kind=record.kind,
        actor=record.actor,
        verb=record.verb,
        target=record.target,
        status=record.status,
        whole=record.whole,
        checked=data.get("check") is True and record.kind != "started",
        hosts=tuple(str(text_of(host)) for host in named[:_MOST_HOSTS]),
        stamp=at,
        seconds=_number(data.get("duration")),
        error=text_of(data.get("error")),
        late=late,
        line=line,
    )


def began_at(run: str) -> datetime | None:
    """Return when a run began, as its id says: a UUID of version 7 begins with the milliseconds. Else None."""
    found = _UUID7.fullmatch(run)
    if found is None:
        return None
    milliseconds = int(found[1] + found[2], 16)
    # Times that no datetime has come from ids that nobody made from a clock.
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds < 4_000_000_000_000 else None


def _number(value: object) -> float | None:
    return round(float(value), 3) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def text_of(value: object, most: int = _SHOWN) -> str | None:
    """Return a text of a record without control characters, cut; None if the value is no text."""
    return escaped(value)[:most] if isinstance(value, str) else None
