# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A beat: one full report of a node to its hub. Its form and limits, how it is packed, and how it is checked.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from ..audit.record import MAX_LINE, content_of
from ..errors import RefusedError
from ..times import parse_time
from .sections import SECTIONS, checked_rows, cut_rows, cut_text
from .token import node_name

__all__ = (
    "ABSENT",
    "COMPRESSED_MOST",
    "ERROR_MOST",
    "FAILED",
    "INFLATED_MOST",
    "INTERVAL",
    "OK",
    "PATH",
    "RECORDS_MOST",
    "RUNS_MOST",
    "Beat",
    "Packed",
    "Reading",
    "audit_line",
    "canonical",
    "digest_of",
    "packed",
    "parsed_beat",
    "record_hashes",
    "section_of",
)

PATH = "/api/v1/agent/beat"
"""The path of the hub that takes beats."""

COMPRESSED_MOST = 1024 * 1024
INFLATED_MOST = 8 * 1024 * 1024
"""The largest body of a request, in bytes: as it is sent, and inflated."""

RECORDS_MOST = 500
"""The most audit records of one beat."""
RUNS_MOST = 20
"""So many beats one run of the agent sends at most while the hub answers ``more``."""
INTERVAL = 30
"""The seconds from one beat to the next."""
ERROR_MOST = 500
"""The longest error of a section, in characters."""

OK, FAILED, ABSENT = "ok", "failed", "absent"
"""How the reading of a section ended. ``absent``: the host has no such thing, which replaces the rows by none."""

_HEX32 = re.compile(r"[0-9a-f]{32}")
_HEX64 = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,40}")
# What is left for the rest of the body: names, and the brackets around the sections.
_MARGIN = 64 * 1024
# The rows alone may take so much, so that at least one audit record fits beside them.
_ROWS_MOST = INFLATED_MOST - _MARGIN - 2 * MAX_LINE
_LEVEL = 6
_OF_AUDIT = ("after", "records", "left", "audit_error")


@dataclass(frozen=True)
class Reading:
    """What was read of one source: how it ended, when, and the rows if it was read; ``error`` if it was not."""

    status: str
    at: str
    rows: Sequence[Mapping[str, Any]] = ()
    error: str | None = None


@dataclass(frozen=True)
class Beat:
    """One beat. ``sections`` are as ``section_of`` makes them; ``records`` are lines of the trail, the oldest first.

    ``after`` is the hash of the last record that the hub has, None if it has none, and ``left`` the number of records
    of the host that are not in this beat: while there are some, the hub answers ``more``. ``audit_error`` says why the
    trail could not be read. ``sequence`` counts the beats
    that were tried in one epoch; the epoch is new after each register and whenever the agent's state is lost.
    """

    node: str
    machine: str
    epoch: str
    sequence: int
    taken_at: str
    agent: str
    sections: Mapping[str, Mapping[str, Any]]
    after: str | None = None
    records: Sequence[str] = ()
    left: int = 0
    audit_error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON values of the request's body."""
        values = {name: value for name, value in vars(self).items() if name not in _OF_AUDIT}
        audit = {"after": self.after, "records": list(self.records), "left": self.left, "error": self.audit_error}
        return {**values, "audit": audit}


@dataclass(frozen=True)
class Packed:
    """The body of a request: compressed bytes, and how many of the audit records are in it."""

    body: bytes
    records: int


def canonical(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the one JSON text of rows, which are sorted by their key already."""
    return json.dumps(list(rows), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def digest_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the SHA-256 of the canonical JSON of rows, in 64 hex digits."""
    return hashlib.sha256(canonical(rows)).hexdigest()


def section_of(name: str, reading: Reading) -> dict[str, Any]:
    """Return a section of a beat: with its rows, cut to what is allowed, and their digest only if it was read."""
    section: dict[str, Any] = {"status": reading.status, "at": reading.at, "error": None}
    if reading.error is not None:
        section["error"] = cut_text(reading.error, ERROR_MOST)
    if reading.status == OK:
        rows = cut_rows(name, reading.rows)
        section |= {"digest": digest_of(rows), "rows": rows}
    return section


def audit_line(line: bytes) -> str | None:
    """Return a line of the trail as a beat holds it: its text without the newline.

    None for what has not even the form of a record; an edited record is sent as it is, so that the hub sees the break.
    """
    data = line.rstrip(b"\n")
    try:
        content_of(data)
    except ValueError:
        return None
    return data.decode("utf-8", "replace").replace("\x00", "\ufffd") if len(data) <= MAX_LINE else None


def record_hashes(line: str) -> tuple[str, str, str]:
    """Return ``prev_hash``, the claimed ``hash``, and the true hash of a record. An edited one has two hashes."""
    return content_of(line)


# How a beat is packed


def packed(beat: Beat) -> Packed:
    """Return the body of a beat that keeps every limit.

    Fewer audit records are sent if they are too large together; the hub has the rest by the next beats. A section that
    is too large alone fails with its size, so that the others arrive.
    """
    known = len(beat.records) + beat.left
    beat = _within(replace(beat, records=_fitting(beat.records[:RECORDS_MOST])), _ROWS_MOST)
    while True:
        beat = replace(beat, left=known - len(beat.records))
        text = json.dumps(beat.as_dict(), separators=(",", ":"), ensure_ascii=False).encode("utf-8")
        body = gzip.compress(text, _LEVEL, mtime=0)
        if len(body) <= COMPRESSED_MOST and len(text) <= INFLATED_MOST:
            return Packed(body, len(beat.records))
        if len(beat.records) > 1:
            beat = replace(beat, records=beat.records[: len(beat.records) // 2])
        else:
            beat = _without_largest(beat)


def _fitting(records: Sequence[str]) -> list[str]:
    """Return the first records that may stand in one beat beside rows: at least one, at most two MiB of them."""
    kept: list[str] = []
    size = 0
    for record in records:
        size += len(record)
        if kept and size > 8 * MAX_LINE:
            break
        kept.append(record)
    return kept


def _sizes(beat: Beat) -> dict[str, int]:
    return {name: len(canonical(entry["rows"])) for name, entry in beat.sections.items() if entry.get("rows")}


def _within(beat: Beat, most: int) -> Beat:
    """Return a beat whose rows together have at most so many bytes; the largest sections fail if they have more."""
    while sum(_sizes(beat).values()) > most:
        beat = _without_largest(beat)
    return beat


def _without_largest(beat: Beat) -> Beat:
    """Return a beat whose largest section has failed. ValueError if there is no section left to leave out."""
    sizes = _sizes(beat)
    if not sizes:
        raise ValueError("a beat without rows is too large")
    name = max(sizes, key=lambda entry: sizes[entry])
    error = f"the section is too large for a beat: {sizes[name]} bytes"
    failed = section_of(name, Reading(FAILED, str(beat.sections[name]["at"]), error=error))
    return replace(beat, sections={**beat.sections, name: failed})


# How the hub checks a beat


def parsed_beat(data: object) -> Beat:
    """Return the beat of a request's JSON. RefusedError with the place and the value of what has not its form.

    Sections and fields that this version does not know are left out, because a newer agent may send them.
    """
    if not isinstance(data, dict):
        _refuse("", data, "an object")
    sections = data.get("sections")
    if not isinstance(sections, dict):
        _refuse("sections", sections, "an object")
    audit = data.get("audit")
    if not isinstance(audit, dict):
        _refuse("audit", audit, "an object")
    sequence = _count(data.get("sequence"), "sequence")
    if sequence == 0:
        _refuse("sequence", sequence, "a whole number from 1 on")
    return Beat(
        node=node_name(data.get("node")),
        machine=_matching(_HEX32, data.get("machine"), "machine", "32 hex digits"),
        epoch=_matching(_HEX32, data.get("epoch"), "epoch", "32 hex digits"),
        sequence=sequence,
        taken_at=_time(data.get("taken_at"), "taken_at"),
        agent=_matching(_VERSION, data.get("agent"), "agent", "a version such as 1.2.0"),
        sections={name: _section(name, entry) for name, entry in sections.items() if name in SECTIONS},
        after=_hash_or_none(audit.get("after")),
        records=_records(audit.get("records")),
        left=_count(audit.get("left", 0), "audit/left"),
        audit_error=_error(audit.get("error"), "audit/error"),
    )


def _section(name: str, data: object) -> dict[str, Any]:
    place = f"sections/{name}"
    if not isinstance(data, dict):
        _refuse(place, data, "an object")
    status, error = data.get("status"), _error(data.get("error"), f"{place}/error")
    if status not in (OK, FAILED, ABSENT):
        _refuse(f"{place}/status", status, f"{OK}, {FAILED} or {ABSENT}")
    section: dict[str, Any] = {"status": status, "at": _time(data.get("at"), f"{place}/at"), "error": error}
    if status == OK:
        rows = checked_rows(name, data.get("rows"), place=f"{place}/rows")
        digest = _matching(_HEX64, data.get("digest"), f"{place}/digest", "64 hex digits")
        if not _has_digest(data["rows"], digest):
            _refuse(f"{place}/digest", digest, "the SHA-256 of the canonical JSON of the rows")
        section |= {"digest": digest, "rows": rows}
    return section


def _error(value: object, place: str) -> str | None:
    if value is not None and (not isinstance(value, str) or cut_text(value, ERROR_MOST) != value):
        _refuse(place, value, f"null, or a text of at most {ERROR_MOST} characters")
    return value


def _has_digest(rows: Sequence[Mapping[str, Any]], digest: str) -> bool:
    try:
        return digest_of(rows) == digest
    except UnicodeEncodeError:  # half of a surrogate pair, in a field that this version does not know
        return False


def _records(data: object) -> list[str]:
    if not isinstance(data, list) or len(data) > RECORDS_MOST:
        _refuse("audit/records", data, f"a list of at most {RECORDS_MOST} records")
    for number, record in enumerate(data):
        if not isinstance(record, str) or len(record) > MAX_LINE or audit_line(_bytes_of(record)) != record:
            _refuse(f"audit/records/{number}", record, "a line of the audit trail, as text")
    return data


def _bytes_of(record: str) -> bytes:
    return record.encode("utf-8", "surrogatepass")


def _hash_or_none(value: object) -> str | None:
    return None if value is None else _matching(_HEX64, value, "audit/after", "null, or the hash of a record")


def _matching(form: re.Pattern[str], value: object, place: str, expected: str) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        _refuse(place, value, expected)
    return value


def _count(value: object, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        _refuse(place, value, "a whole number, not below zero")
    return value


def _time(value: object, place: str) -> str:
    if not isinstance(value, str) or len(value) > 40 or parse_time(value) is None:
        _refuse(place, value, "a time in RFC 3339")
    return value


def _refuse(place: str, value: object, expected: str) -> NoReturn:
    raise RefusedError("the beat has not its form", field=place, value=value, expected=expected)
