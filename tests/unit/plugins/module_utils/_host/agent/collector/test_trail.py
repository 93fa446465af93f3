"""The audit records that a hub lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector import trail
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector.trail import Backlog, records_after

from agenthost import trail_lines

LINES = trail_lines(6)


def hash_of(line: str) -> str:
    return line[-66:-2]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A trail of two files."""
    for name, part in (("audit.jsonl.1", LINES[:4]), ("audit.jsonl", LINES[4:])):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in part), encoding="ascii")
    return [tmp_path / "audit.jsonl.1", tmp_path / "audit.jsonl"]


@pytest.mark.parametrize("place", range(6))
def test_the_records_after_one_of_any_file(files: list[Path], place: int) -> None:
    after = hash_of(LINES[place])
    assert records_after(files, after) == Backlog(after, after, LINES[place + 1 :])


@pytest.mark.parametrize("after", [None, "f" * 64, "no hash", ""])
def test_without_the_record_all_are_sent(files: list[Path], after: str | None) -> None:
    assert records_after(files, after) == Backlog(after, None, LINES)


def test_a_line_that_is_being_written_is_left_for_the_next_time(files: list[Path]) -> None:
    with files[1].open("a", encoding="ascii") as stream:
        stream.write(trail_lines(1, first=7, previous=hash_of(LINES[-1]))[0])
    assert records_after(files, None).records == LINES


def test_what_is_no_record_is_left_out(files: list[Path]) -> None:
    with files[0].open("a", encoding="ascii") as stream:
        stream.write("garbage\n")
    assert records_after(files, None).records == LINES


def test_there_is_a_most_of_records_and_of_bytes(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "_RECORDS", 4)
    assert records_after(files, None) == Backlog(None, None, LINES[:4], left=2)
    monkeypatch.setattr(trail, "_BYTES", len(LINES[0]) + 10)
    assert records_after(files, None) == Backlog(None, None, LINES[:1], left=5)


def test_no_trail(tmp_path: Path) -> None:
    assert records_after([], "f" * 64) == Backlog("f" * 64, None, [])
    (tmp_path / "audit.jsonl").touch()
    assert records_after([tmp_path / "audit.jsonl"], "f" * 64).records == []
