# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit record, schema 1, and the record's line in the trail.

A line is one JSON object in ASCII. ``prev_hash`` comes first and ``hash`` last, so the chain can be followed without
parsing JSON: the hash is SHA-256 over the line up to ``,"hash":``, plus a closing brace. docs/reference/audit.md
documents every field. ``mask`` and ``arguments`` decide what a record may show; the values in a record are masked.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..actor import Actor
from ..errors import EXIT_INTERRUPTED, STATUS

if TYPE_CHECKING:
    from .generations import GenerationChange

__all__ = (
    "AUDIT_SCHEMA",
    "GENESIS",
    "INTERRUPTED",
    "MAX_LINE",
    "STARTED",
    "AuditRecord",
    "Controller",
    "Counts",
    "RecordedActor",
    "TaskChange",
    "closing",
    "content_of",
    "from_dict",
    "generations_of",
    "hash_of_next",
    "opening",
    "parse_line",
    "seal",
)

AUDIT_SCHEMA = 1

GENESIS = "0" * 64
"""The ``prev_hash`` of the first record of a trail."""

MAX_LINE = 256 * 1024
"""The longest line in bytes: Loki takes no longer one. A longer record loses its diffs first, then other parts."""

STARTED = "started"
INTERRUPTED = STATUS[EXIT_INTERRUPTED]

_HEAD = b'{"prev_hash":"'
_TAIL = ',"hash":"'
_TAIL_LENGTH = len(_TAIL) + 64 + 2


@dataclass(frozen=True)
class RecordedActor:
    """Who started the run, as a record has it. The machine that the run was started on is the record's controller."""

    user: str
    sudo_user: str | None = None
    ssh_client: str | None = None

    @classmethod
    def of(cls, actor: Actor) -> RecordedActor:
        """Return an actor as a record has it."""
        return cls(user=actor.user, sudo_user=actor.sudo_user, ssh_client=actor.ssh_client)


@dataclass(frozen=True)
class Controller:
    """The machine that the run was started on: its ``name``, and the ``id`` of the trail's writer (16 hex digits)."""

    name: str
    id: str


@dataclass(frozen=True)
class Counts:
    """The numbers of a host's tasks by how they ended. ``ok`` includes the changed ones."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0


@dataclass(frozen=True)
class TaskChange:
    """One task that changed something. ``task`` is its name as written, before templating; ``diff`` is masked."""

    host: str
    task: str
    action: str
    diff: str | None = None


@dataclass(frozen=True)
class AuditRecord:
    """One record of the trail.

    ``kind`` is ``started`` or ``finished`` for a run, both with one id, or ``change`` in the trail of a host that a run
    changed. ``time`` is RFC 3339 in UTC with microseconds, ``duration`` is in seconds. ``prev_hash`` and ``hash`` are
    empty until :func:`seal` puts the record into a chain.
    """

    id: str
    kind: str
    time: str
    actor: RecordedActor
    controller: Controller
    verb: str
    version: str
    hosts: tuple[str, ...] = ()
    target: str | None = None
    playbook: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    check: bool = False
    status: str = STARTED
    counts: Mapping[str, Counts] = field(default_factory=dict)
    changes: tuple[TaskChange, ...] = ()
    generations: tuple[GenerationChange, ...] = ()
    duration: float | None = None
    error: str | None = None
    schema: int = AUDIT_SCHEMA
    prev_hash: str = ""
    hash: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON values, in the order of its line but without the two hashes."""
        # Not dataclasses.asdict(): it copies every value, which takes most of the time of a record with many changes.
        values = {
            **vars(self),
            "actor": vars(self.actor),
            "controller": vars(self.controller),
            "hosts": list(self.hosts),
            "counts": {host: vars(counts) for host, counts in self.counts.items()},
            "changes": [vars(change) for change in self.changes],
            "generations": [change.as_dict() for change in self.generations],
        }
        del values["prev_hash"], values["hash"]
        return {"schema": values.pop("schema"), **values}

    @property
    def changed(self) -> bool:
        """Say whether anything was changed, or would have been changed in check mode."""
        return bool(self.changes) or any(counts.changed for counts in self.counts.values())

    @property
    def sites(self) -> tuple[str, ...]:
        """Return the sites that the run changed, sorted."""
        return tuple(sorted({domain for change in self.generations for domain in change.sites}))


def seal(record: AuditRecord, prev_hash: str) -> str:
    """Return the record's line, without a newline. ``prev_hash`` is the hash of the line before."""
    line = _sealed(record, prev_hash)
    if len(line) <= MAX_LINE:
        return line
    record = replace(
        record,
        changes=tuple(
            replace(change, diff=change.diff and "(left out: the record is too long)") for change in record.changes
        ),
    )
    line = _sealed(record, prev_hash)
    if len(line) > MAX_LINE:
        from .generations import without_diffs  # imported here: few records are too long

        record = replace(record, generations=without_diffs(record.generations, len(line) - MAX_LINE))
        line = _sealed(record, prev_hash)
    while len(line) > MAX_LINE and (shorter := _shorter(record)) is not None:
        record = shorter
        line = _sealed(record, prev_hash)
    return line


def _shorter(record: AuditRecord) -> AuditRecord | None:
    """Return a record without diffs that has less of what makes it long; None if nothing can go.

    Without diffs, only thousands of names make a line that long. The numbers of what is left out are still shown. The
    names of sites are the last to go.
    """
    if record.changes:
        return replace(record, changes=_fewer(record.changes))
    if record.arguments:
        return replace(record, arguments={})
    if record.counts:
        return replace(record, counts={})
    if record.hosts:
        return replace(record, hosts=())
    if record.sites:
        from .generations import with_fewer_sites  # imported here: few records are too long

        return replace(record, generations=with_fewer_sites(record.generations))
    return None


def _fewer(changes: tuple[TaskChange, ...]) -> tuple[TaskChange, ...]:
    if len(changes) < 4:
        return ()
    kept = changes[: len(changes) // 2]
    return (*kept, TaskChange(host="", task=f"and {len(changes) - len(kept)} more", action=""))


def _sealed(record: AuditRecord, prev_hash: str) -> str:
    text = json.dumps({"prev_hash": prev_hash, **record.as_dict()}, separators=(",", ":"))
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    return f'{text[:-1]}{_TAIL}{digest}"}}'


def content_of(line: str | bytes) -> tuple[str, str, str]:
    """Return a line's ``prev_hash``, the ``hash`` that it claims, and the hash of its content.

    ValueError if the line has not the form of a record's line.
    """
    data = line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape")
    if not data.startswith(_HEAD) or data[-_TAIL_LENGTH : -_TAIL_LENGTH + 9] != b',"hash":"':
        raise ValueError("not the line of a record")
    if data[-2:] != b'"}':
        raise ValueError("not the end of a record")
    computed = hashlib.sha256(data[:-_TAIL_LENGTH])
    computed.update(b"}")
    before, claimed = data[14:78], data[-66:-2]
    return before.decode("ascii", "replace"), claimed.decode("ascii", "replace"), computed.hexdigest()


def hash_of_next(line: bytes, previous: bytes) -> bytes | None:
    """Return the hash of a whole line, with its newline, that follows the line of the hash ``previous``.

    None if the line is not valid or follows another line; :func:`content_of` then tells more. A trail of 100,000 lines
    is verified by this function alone, so it does no more than it must.
    """
    content = line[: -_TAIL_LENGTH - 1]
    digest = hashlib.sha256(content + b"}").hexdigest().encode()
    if not content.startswith(_HEAD + previous) or not line.endswith(b',"hash":"' + digest + b'"}\n'):
        return None
    return digest


def parse_line(line: str | bytes) -> AuditRecord:
    """Return the record of a line, without checking its hashes. ValueError if the line is no record of this schema."""
    data = json.loads(line)
    if not isinstance(data, dict) or data.get("schema") != AUDIT_SCHEMA:
        raise ValueError("not a record of schema 1")
    return from_dict(data)


def from_dict(data: Mapping[str, Any]) -> AuditRecord:
    """Return the record of values from :meth:`AuditRecord.as_dict`. ValueError if a field is missing or malformed.

    A record of an earlier version has fewer fields. Fields of a later version are left out.
    """
    try:
        values = {name: value for name, value in data.items() if name in AuditRecord.__dataclass_fields__}
        values["actor"] = RecordedActor(**values["actor"])
        values["controller"] = Controller(**values["controller"])
        values["hosts"] = tuple(values["hosts"])
        values["counts"] = {host: Counts(**counts) for host, counts in values["counts"].items()}
        values["changes"] = tuple(TaskChange(**change) for change in values["changes"])
        values["generations"] = generations_of(values.get("generations", ()))
        return AuditRecord(**values)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a whole record: {error}") from error


def generations_of(changes: Sequence[Any]) -> tuple[GenerationChange, ...]:
    """Return changes of generations from values of :meth:`GenerationChange.as_dict`. ValueError if one is malformed."""
    if changes in ((), []):
        return ()
    from .generations import GenerationChange as Change  # imported here: a record that opens a run has none

    return tuple(map(Change.from_dict, changes))


def opening(record: AuditRecord) -> AuditRecord:
    """Return a run's first record."""
    return replace(record, kind=STARTED, status=STARTED)


def closing(record: AuditRecord, *, time: str, status: str, **known: Any) -> AuditRecord:
    """Return the last record of a run. ``record`` is its first one; ``known`` are further fields, None for unknown."""
    fields = {name: value for name, value in known.items() if value is not None}
    return replace(record, kind="finished", time=time, status=status, prev_hash="", hash="", **fields)
