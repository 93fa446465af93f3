"""One record with all that it says, and the other records of its run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from hub.core import escaped
from hub.moments import rfc3339
from hub.trails.controllers import Controllers
from hub.trails.entries import NODES, Entry, began_at, entry_of_row, text_of
from hub.trails.find import record_of, records_of
from hub.trails.runs import run_row, status_kind

__all__ = ("diff_lines", "opened")

_LONGEST_RUN = timedelta(hours=6)
# A line has 256 KiB at most, so these only bound what nobody made by our programs.
_MOST, _MOST_LINES, _LONGEST = 2_000, 10_000, 2_000


def opened(connection: Connection | None, controllers: Controllers, found: str) -> dict[str, Any] | None:
    """Return the view of the record of a hash; None if nobody has it."""
    row = record_of(connection, found) if connection is not None else None
    entry, line = (entry_of_row(row), row.line) if row is not None else (None, "")
    if entry is None:
        told = controllers.with_hash(found)
        entry = next((known for known in told.entries or () if known.hash == found), None)
        line = entry.line if entry is not None else ""
    if entry is None:
        return None
    entries = _of_run(connection, controllers, entry)
    return {
        "run": run_row(entries, head=entry),
        "record": {**_short(entry), **_content(line)},
        "records": [_short(other) for other in sorted(entries, key=lambda other: (other.at, other.hash))],
    }


def _of_run(connection: Connection | None, controllers: Controllers, entry: Entry) -> list[Entry]:
    """Return all records of a run that can be found, and this one in any case."""
    if not entry.run:
        return [entry]
    found = {(NODES, entry.writer, entry.hash): entry}
    if connection is not None:
        for row in records_of(connection, [entry.run]):
            found[NODES, row.node, row.hash] = entry_of_row(row)
    began = began_at(entry.run) or entry.at
    told = controllers.of_runs([entry.run], since=began - _LONGEST_RUN, until=max(began, entry.at) + _LONGEST_RUN)
    hashes = {known.hash for known in found.values()}
    return [*found.values(), *(other for other in told.entries or () if other.hash not in hashes)]


def _short(entry: Entry) -> dict[str, Any]:
    return {
        "hash": entry.hash,
        "origin": entry.origin,
        "writer": entry.writer,
        "kind": entry.kind,
        "at": rfc3339(entry.at),
        "status": entry.status,
        "status_kind": status_kind(entry.status),
        "seconds": entry.seconds,
        "error": entry.error,
        "whole": entry.whole,
    }


def _content(line: str) -> dict[str, Any]:
    """Return what the line of a record says. A line of a foreign form says nothing but itself."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, Mapping):
        data = {}
    actor, controller = _mapping(data.get("actor")), _mapping(data.get("controller"))
    arguments = _mapping(data.get("arguments"))
    return {
        "previous": text_of(data.get("prev_hash"), 64),
        "user": text_of(actor.get("user")),
        "sudo_user": text_of(actor.get("sudo_user")),
        "ssh_client": text_of(actor.get("ssh_client")),
        "controller": text_of(controller.get("name")),
        "version": text_of(data.get("version")),
        "playbook": text_of(data.get("playbook")),
        "check": data.get("check") is True,
        "hosts": [str(text_of(host)) for host in _list(data.get("hosts")) if isinstance(host, str)][:_MOST],
        "arguments": [{"name": escaped(str(key))[:300], "value": _word(value)} for key, value in arguments.items()],
        "counts": list(_counts(data.get("counts"))),
        "changes": [_change(entry) for entry in _list(data.get("changes")) if isinstance(entry, Mapping)][:_MOST],
        "generations": [_generation(each) for each in _list(data.get("generations")) if isinstance(each, Mapping)],
        "line": None if data else escaped(line)[:_LONGEST],
    }


def _counts(counts: object) -> Iterator[dict[str, Any]]:
    for host, values in list(_mapping(counts).items())[:_MOST]:
        numbers = {name: _whole(_mapping(values).get(name)) for name in ("ok", "changed", "failed", "unreachable")}
        yield {"host": escaped(str(host))[:300], **numbers}


def _change(entry: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: text_of(entry.get(name), 1000) for name in ("host", "task", "action")}
    return {**texts, "diff": diff_lines(entry.get("diff"))}


def _generation(entry: Mapping[str, Any]) -> dict[str, Any]:
    diffs = _mapping(entry.get("diffs"))
    return {
        "host": text_of(entry.get("host")),
        "before": _whole(entry.get("before")),
        "after": _whole(entry.get("after")),
        "outcome": text_of(entry.get("outcome")),
        "run": text_of(entry.get("run")),
        **{
            name: [str(text_of(site)) for site in _list(entry.get(name)) if isinstance(site, str)]
            for name in ("added", "changed", "removed")
        },
        **{name: _whole(entry.get(name)) or 0 for name in ("cut_bytes", "cut_diffs", "cut_sites")},
        "diffs": [{"site": escaped(str(site))[:300], "diff": diff_lines(diff)} for site, diff in diffs.items()],
    }


def diff_lines(diff: object) -> list[dict[str, str]]:
    """Return the lines of a diff, each with its sign: + added, - removed, @ a place, # a file, or a blank."""
    lines = []
    for line in (diff.split("\n") if isinstance(diff, str) and diff else [])[:_MOST_LINES]:
        sign = "#" if line.startswith(("--- ", "+++ ")) else line[:1]
        words = line[1:] if sign in ("+", "-", " ") else line
        lines.append({"sign": sign if sign in ("#", "+", "-", "@") else "", "text": escaped(words)[:_LONGEST]})
    return lines


def _word(value: object) -> str:
    return escaped(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:1000]


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
