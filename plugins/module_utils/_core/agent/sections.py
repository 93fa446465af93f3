# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of a beat, with the fields that a row may have. What is not listed here never leaves a host.

docs/reference/agent-protocol.md is made of these tables. The agent cuts its rows with ``cut_rows``, and the hub checks
what it got with ``checked_rows``: a field that the hub does not know is left out, a field that is missing is null.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..errors import RefusedError
from ..times import parse_time

__all__ = (
    "BOOLEAN",
    "MOST_ENTRIES",
    "MOST_ROWS",
    "NUMBER",
    "OBJECT",
    "OBJECTS",
    "SECTIONS",
    "TEXT",
    "TEXTS",
    "TEXT_MOST",
    "TIME",
    "WHOLE",
    "Field",
    "Section",
    "checked_rows",
    "cut_rows",
    "cut_text",
)

TEXT, WHOLE, NUMBER, BOOLEAN, TIME = "text", "whole number", "number", "true or false", "time"
TEXTS, OBJECT, OBJECTS = "list of texts", "object", "list of objects"

TEXT_MOST = 300
"""The longest text of a row, in characters. The agent cuts a longer one."""
MOST_ENTRIES = 1000
"""The longest list in a row."""
MOST_ROWS = 20_000
"""The most rows of a section."""

# What PostgreSQL can store in a bigint.
_LEAST_WHOLE, _MOST_WHOLE = -(2**63), 2**63 - 1
# PostgreSQL stores no NUL, and UTF-8 has no halves of surrogate pairs.
_NEVER = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Field:
    """A field of a row: its kind, what it means, and for objects their own fields. Each may be null but the key."""

    kind: str
    means: str
    fields: Mapping[str, Field] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """A section of a beat: the field that no two rows share, what the section holds, and the fields of a row."""

    key: str
    means: str
    fields: Mapping[str, Field]


_DISK = {"mount": Field(TEXT, "where it is mounted"), "bytes": Field(WHOLE, "its size")}

SECTIONS: Mapping[str, Section] = {
    "node": Section(
        "id",
        "The machine, what changes seldom. One row.",
        {
            "id": Field(TEXT, "always `node`"),
            "hostname": Field(TEXT, "the host's own name"),
            "os": Field(TEXT, "PRETTY_NAME of /etc/os-release"),
            "kernel": Field(TEXT, "release of the kernel"),
            "architecture": Field(TEXT, "machine of uname"),
            "cpus": Field(WHOLE, "processors"),
            "memory_bytes": Field(WHOLE, "main memory"),
            "python": Field(TEXT, "version of the Python that runs the agent"),
            "docker": Field(TEXT, "version of the engine"),
            "nginx": Field(TEXT, "image of the proxy"),
            "vsa": Field(TEXT, "version of the agent's code"),
            "boot_at": Field(TIME, "when the kernel started"),
            "addresses": Field(TEXTS, "public and private addresses, without loopback and without Docker's networks"),
            "disks": Field(OBJECTS, "filesystems of the host", _DISK),
            "swarm": Field(
                OBJECT,
                "membership of a swarm, if there is one",
                {"node": Field(TEXT, "its id in the swarm"), "state": Field(TEXT, "active, pending, error")},
            ),
        },
    ),
    "figures": Section(
        "id",
        "Figures of the machine that change with each beat. One row.",
        {
            "id": Field(TEXT, "always `node`"),
            "load1": Field(NUMBER, "load average of 1 minute"),
            "load5": Field(NUMBER, "load average of 5 minutes"),
            "load15": Field(NUMBER, "load average of 15 minutes"),
            "memory_available_bytes": Field(WHOLE, "memory that programs can have without swapping"),
            "swap_used_bytes": Field(WHOLE, "swap in use"),
            "disks": Field(
                OBJECTS, "filesystems and their use", {**_DISK, "used_bytes": Field(WHOLE, "bytes that are in use")}
            ),
            "network": Field(
                OBJECTS,
                "interfaces of the host, without those of containers",
                {
                    "name": Field(TEXT, "name of the interface"),
                    "received_bytes": Field(WHOLE, "since the start of the kernel"),
                    "sent_bytes": Field(WHOLE, "since the start of the kernel"),
                },
            ),
        },
    ),
    "containers": Section(
        "id",
        "Every container of the engine. Never its environment, command, labels or mounts.",
        {
            "id": Field(TEXT, "its id, 64 hex digits"),
            "name": Field(TEXT, "its name"),
            "image": Field(TEXT, "the image's name and tag"),
            "state": Field(TEXT, "running, exited, restarting, paused, created, dead"),
            "health": Field(TEXT, "healthy, unhealthy, starting; null without a health check"),
            "exit_code": Field(WHOLE, "of its last process, null while it runs"),
            "restarts": Field(WHOLE, "how often the engine restarted it"),
            "created_at": Field(TIME, "when it was made"),
            "started_at": Field(TIME, "when it started last"),
            "finished_at": Field(TIME, "when it ended last"),
            "memory_limit_bytes": Field(WHOLE, "its memory limit, null for none"),
            "cpus_limit": Field(NUMBER, "its limit of processors, null for none"),
            "stack": Field(TEXT, "name of its stack, if it belongs to one"),
            "service": Field(TEXT, "its service in the stack"),
            "tenant": Field(TEXT, "tenant of its stack"),
            "networks": Field(TEXTS, "networks that it is on"),
            "published": Field(TEXTS, "published ports, such as 127.0.0.1:8080->80/tcp"),
        },
    ),
    "usage": Section(
        "id",
        "What running containers use. Apart from `containers`, because it changes with each beat.",
        {
            "id": Field(TEXT, "the container's id"),
            "memory_bytes": Field(WHOLE, "memory in use, without the page cache that can go"),
            "cpu_seconds": Field(NUMBER, "processor time since it started"),
        },
    ),
    "domains": Section(
        "domain",
        "The sites of the host with all that is known of them without asking them.",
        {
            "domain": Field(TEXT, "the site's domain"),
            "aliases": Field(TEXTS, "domains that are redirected to it"),
            "tenant": Field(TEXT, "its tenant"),
            "profile": Field(TEXT, "its profile"),
            "routes": Field(
                OBJECTS,
                "its routes",
                {
                    "path": Field(TEXT, "prefix of the path"),
                    "container": Field(TEXT, "container that answers"),
                    "port": Field(WHOLE, "port of the container"),
                    "upstream_state": Field(TEXT, "state of the container, `missing`; null if Docker did not answer"),
                },
            ),
            "auth": Field(
                OBJECT,
                "its basic auth",
                {
                    "paths": Field(TEXTS, "paths behind a password"),
                    "open": Field(TEXTS, "paths that stay open below them"),
                    "users": Field(WHOLE, "number of users"),
                },
            ),
            "state": Field(TEXT, "invalid, down, warning, not checked"),
            "problems": Field(TEXTS, "what is wrong"),
            "certificate": Field(TEXT, "name of its certificate in `certificates`"),
            "last_change": Field(
                OBJECT,
                "the last change of its files",
                {
                    "at": Field(TIME, "when"),
                    "run": Field(TEXT, "audit id of the run"),
                    "actor": Field(TEXT, "who started the run"),
                },
            ),
        },
    ),
    "certificates": Section(
        "name",
        "The certificates on disk.",
        {
            "name": Field(TEXT, "name of the lineage"),
            "names": Field(TEXTS, "names that it covers"),
            "issuer": Field(TEXT, "who issued it"),
            "key": Field(TEXT, "kind of key"),
            "not_before": Field(TIME, "valid from"),
            "not_after": Field(TIME, "valid until"),
            "state": Field(TEXT, "ok, due, expiring, expired, mismatch, missing, cannot renew"),
            "why": Field(TEXT, "what is wrong with it"),
            "renewal": Field(
                OBJECT,
                "the next renewal",
                {"at": Field(TEXT, "day or time"), "method": Field(TEXT, "ari or lifetime")},
            ),
            "last_attempt": Field(
                OBJECT, "the last failed try", {"at": Field(TIME, "when"), "error": Field(TEXT, "what the CA said")}
            ),
            "fingerprint": Field(TEXT, "SHA-256 of the certificate"),
        },
    ),
    "served": Section(
        "domain",
        "The certificates that the proxy serves, asked for on loopback every 10 minutes and after changes.",
        {
            "domain": Field(TEXT, "the name that was asked for"),
            "at": Field(TIME, "when it was asked"),
            "fingerprint": Field(TEXT, "SHA-256 of the certificate"),
            "not_after": Field(TIME, "valid until"),
            "issuer": Field(TEXT, "who issued it"),
            "error": Field(TEXT, "why there was no certificate"),
        },
    ),
    "stacks": Section(
        "id",
        "The stacks of the host.",
        {
            "id": Field(TEXT, "tenant and name, because two tenants may have a stack of one name"),
            "name": Field(TEXT, "its name"),
            "tenant": Field(TEXT, "its tenant"),
            "version": Field(TEXT, "its version"),
            "state": Field(TEXT, "healthy, starting, unhealthy, down"),
            "services": Field(
                OBJECTS,
                "its containers",
                {
                    "name": Field(TEXT, "the service"),
                    "state": Field(TEXT, "state of the container"),
                    "health": Field(TEXT, "result of its health check"),
                },
            ),
            "source": Field(TEXT, "where its folder came from"),
            "problems": Field(TEXTS, "what is wrong"),
        },
    ),
}


# What the agent does: nothing that is not allowed leaves, and nothing has another type than the table says


def cut_text(value: str, most: int = TEXT_MOST) -> str:
    """Return a text as a beat may hold it: at most ``most`` characters, no NUL, nothing that UTF-8 cannot write."""
    return _NEVER.sub("\ufffd", value[:most])


def cut_rows(section: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with the allowed fields alone, sorted by their key. A value of another kind becomes null.

    Rows without a key are left out, and so is the second row of a key.
    """
    known = SECTIONS[section]
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        cut = _cut_object(known.fields, row)
        key = cut[known.key]
        if key and key not in found and len(found) < MOST_ROWS:
            found[key] = cut
    return [found[key] for key in sorted(found)]


def _cut_object(fields: Mapping[str, Field], row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _cut(known, row.get(name)) for name, known in fields.items()}


def _cut(known: Field, value: Any) -> Any:
    if known.kind == TEXT and isinstance(value, str):
        return cut_text(value)
    if known.kind == TEXTS and isinstance(value, (list, tuple)):
        return [cut_text(entry) for entry in value[:MOST_ENTRIES] if isinstance(entry, str)]
    if known.kind == OBJECT and isinstance(value, Mapping):
        return _cut_object(known.fields, value)
    if known.kind == OBJECTS and isinstance(value, (list, tuple)):
        return [_cut_object(known.fields, entry) for entry in value[:MOST_ENTRIES] if isinstance(entry, Mapping)]
    simple = _SIMPLE.get(known.kind)
    return value if simple is not None and simple(value) else None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and _LEAST_WHOLE <= value <= _MOST_WHOLE


def _is_number(value: object) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _is_time(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 40 and parse_time(value) is not None


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


_SIMPLE: dict[str, Callable[[object], bool]] = {
    WHOLE: _is_whole,
    NUMBER: _is_number,
    TIME: _is_time,
    BOOLEAN: _is_boolean,
}


# What the hub does: a value of a wrong type is refused with its place


def checked_rows(section: str, rows: object, *, place: str) -> list[dict[str, Any]]:
    """Return the rows of a section that came over the network, with the known fields alone.

    RefusedError with the place and the value of what has not its form.
    """
    known = SECTIONS[section]
    if not isinstance(rows, list) or len(rows) > MOST_ROWS:
        _refuse(place, rows, f"a list of at most {MOST_ROWS} rows")
    seen: set[str] = set()
    checked = []
    for number, row in enumerate(rows):
        entry = _checked_object(known.fields, row, f"{place}/{number}")
        key = entry[known.key]
        if not key or key in seen:
            _refuse(f"{place}/{number}/{known.key}", key, "a key that no other row has")
        seen.add(key)
        checked.append(entry)
    return checked


def _checked_object(fields: Mapping[str, Field], row: object, place: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        _refuse(place, row, "an object")
    return {name: _checked(known, row.get(name), f"{place}/{name}") for name, known in fields.items()}


def _checked(known: Field, value: Any, place: str) -> Any:
    if value is None:
        return None
    if known.kind == TEXT:
        return _checked_text(value, place)
    if known.kind == OBJECT:
        return _checked_object(known.fields, value, place)
    if known.kind in (TEXTS, OBJECTS):
        if not isinstance(value, list) or len(value) > MOST_ENTRIES:
            _refuse(place, value, f"a list of at most {MOST_ENTRIES} entries")
        if known.kind == TEXTS:
            return [_checked_text(entry, f"{place}/{number}") for number, entry in enumerate(value)]
        return [_checked_object(known.fields, entry, f"{place}/{number}") for number, entry in enumerate(value)]
    if not _SIMPLE[known.kind](value):
        _refuse(place, value, f"a {known.kind}")
    return value


def _checked_text(value: object, place: str) -> str:
    if not isinstance(value, str) or len(value) > TEXT_MOST or _NEVER.search(value):
        _refuse(place, value, f"a text of at most {TEXT_MOST} characters without NUL")
    return value


def _refuse(place: str, value: object, expected: str) -> NoReturn:
    raise RefusedError("the beat has not its form", field=place, value=value, expected=expected)
