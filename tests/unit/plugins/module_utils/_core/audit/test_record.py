"""The record and its line; docs/reference/audit.md says every field of it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import GenerationChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    GENESIS,
    MAX_LINE,
    STATUS,
    AuditRecord,
    Controller,
    Counts,
    RecordedActor,
    TaskChange,
    closing,
    content_of,
    parse_line,
    seal,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_records import record

PAGE = Path(__file__).parents[6] / "docs/reference/audit.md"
FULL = record(
    hosts=("vps-01",),
    arguments={"site_domain": "shop.example.com", "x": "***"},
    counts={"vps-01": Counts(3, 1, 0, 0)},
    changes=(TaskChange("vps-01", "Write — ö", "copy", "--- a\n+++ b"),),
    duration=1.5,
    error="no",
)


def test_a_line_can_be_read_again() -> None:
    line = seal(FULL, GENESIS)
    read = parse_line(line)
    assert read.hash == content_of(line)[1] == content_of(line)[2]
    assert dataclasses.replace(read, hash="", prev_hash="") == FULL
    assert line.isascii()
    assert "\n" not in line


def test_a_line_does_nothing_to_a_terminal() -> None:
    """Also a line that somebody reads with `cat`: words of a client, a container or another program may be in it."""
    hostile = "\x1b[2J\x1b]0;title\x07 \x9b31m \u202egnp.exe \u2028 \x85 \r\n\t\x7f\u200b\ud800"
    line = seal(record(arguments={"site_domain": hostile}, error=hostile, target=hostile), GENESIS)
    assert line.isprintable()
    read = parse_line(line)
    assert (read.arguments["site_domain"], read.error, read.target) == (hostile, hostile, hostile)


def test_the_hash_is_as_the_page_says() -> None:
    line = seal(FULL, GENESIS)
    content = re.sub(r',"hash":"[0-9a-f]{64}"', "", line)
    assert json.loads(line)["hash"] == hashlib.sha256(content.encode()).hexdigest()
    assert next(iter(json.loads(line))) == "prev_hash"


def test_the_page_documents_every_field_and_no_other() -> None:
    text = PAGE.read_text(encoding="utf-8")
    fields = {field.name for field in dataclasses.fields(AuditRecord)}
    for name, kind in (
        ("actor", RecordedActor),
        ("controller", Controller),
        ("counts.HOST", Counts),
        ("changes[]", TaskChange),
        ("generations[]", GenerationChange),
    ):
        fields |= {f"{name}.{field.name}" for field in dataclasses.fields(kind)}
    assert set(re.findall(r"(?m)^\| `([^`]+)` \|", text.partition("\n## How a run ends")[0])) == fields
    ends = text.partition("\n## How a run ends")[2].partition("\n## ")[0].partition("| `status` |")[2]
    assert set(re.findall(r"(?m)^\| `([^`]+)` \|", ends)) == {"started", *STATUS.values()}


@pytest.mark.parametrize(
    "line", ["", "{}", "[]", '{"schema": 2}', '{"schema": 1}', "null", seal(FULL, GENESIS).replace('"verb"', '"verbs"')]
)
def test_what_is_no_record(line: str) -> None:
    with pytest.raises(ValueError):
        parse_line(line)


def test_the_end_of_a_run_keeps_what_its_start_said() -> None:
    end = closing(FULL, time="2026-11-24T11:00:00.000000Z", status="ok", duration=2.0, error=None)
    assert (end.kind, end.status, end.id, end.arguments, end.error) == ("finished", "ok", FULL.id, FULL.arguments, "no")


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(0, 20_000))
def test_a_line_is_never_longer_than_it_may_be(changes: int, length: int) -> None:
    long = dataclasses.replace(
        FULL, changes=tuple(TaskChange("vps-01", f"Task {n}" + "n" * 400, "copy", "d" * length) for n in range(changes))
    )
    line = seal(long, GENESIS)
    assert len(line) <= MAX_LINE
    assert parse_line(line).id == FULL.id
    if changes and len(line) < MAX_LINE // 4 and length < 100:
        assert len(parse_line(line).changes) == changes


def test_thousands_of_hosts() -> None:
    hosts = tuple(f"vps-{n:05}.example.com" for n in range(8000))
    long = dataclasses.replace(FULL, hosts=hosts, counts={host: Counts(1) for host in hosts})
    assert len(seal(long, GENESIS)) <= MAX_LINE


@pytest.mark.parametrize("line", ["", "x" * 300, '{"prev_hash":"', seal(FULL, GENESIS)[:-1]])
def test_no_line_of_a_record(line: str) -> None:
    with pytest.raises(ValueError):
        content_of(line)
