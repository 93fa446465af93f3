# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the cursor stands, and what comes next, whatever happens to the trail's files."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._loki.cursor import (
    Cursor,
    TrailFiles,
    TrailLine,
    load,
    nanoseconds,
    save,
)

from trails import TrailFolder, moment

_FRESH = Cursor(url="u")


@pytest.fixture
def trail(tmp_path: Path) -> TrailFolder:
    return TrailFolder(tmp_path)


def _read(trail: TrailFolder, cursor: Cursor = _FRESH) -> tuple[list[TrailLine], str]:
    files = TrailFiles(trail.files)
    try:
        found = list(files.lines(cursor))
        if not files.gap:
            assert files.count(cursor) == len(found)
        return found, files.gap
    finally:
        files.close()


def _after(line: TrailLine, **more: str) -> Cursor:
    place = {"device": line.device, "inode": line.inode, "offset": line.offset, "hash": line.hash}
    return dataclasses.replace(_FRESH, **{**place, **more})  # type: ignore[arg-type]


def _texts(found: tuple[list[TrailLine], str]) -> list[str]:
    assert found[1] == ""
    return [line.text for line in found[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-24T11:30:00.123456Z", 1795519800_123456000),
        ("2026-11-24T11:30:00.123456789Z", 1795519800_123456789),
        ("2026-11-24T11:30:00.1234567891Z", 1795519800_123456789),
        ("2026-11-24t11:30:00.5z", 1795519800_500000000),
        ("2026-11-24T12:30:00+01:00", 1795519800_000000000),
        ("2026-11-24T06:00:00-0530", 1795519800_000000000),
        ("2024-02-29T00:00:00Z", 1709164800_000000000),
        ("2016-12-31T23:59:60Z", 1483228800_000000000),
        (1795519800123456789, 1795519800123456789),
        (0, 0),
        ("2026-11-24T11:30:00", None),  # whose time?
        ("2026-11-24", None),
        ("2026-13-24T11:30:00Z", None),
        ("2026-11-24T25:30:00Z", None),
        ("1969-12-31T23:59:59Z", None),
        ("1970-01-01T00:00:00+01:00", None),
        ("9999-01-01T00:00:00Z", None),
        ("٢٠٢٦-11-24T11:30:00Z", None),
        (-1, None),
        (1 << 63, None),
        (True, None),
        (1.5, None),
        (None, None),
        ({}, None),
    ],
)
def test_nanoseconds(text: object, expected: int | None) -> None:
    assert nanoseconds(text) == expected


def test_the_tests_own_trail_says_its_times(trail: TrailFolder) -> None:
    assert nanoseconds(moment(1795519800_123456789)) == 1795519800_123456000


def test_a_cursor_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "loki.json"
    cursor = Cursor("u", 1, 2, 3, "h", 1 << 62, 5, 6, "after x", 8)
    save(path, cursor)
    assert load(path, url="u") == cursor
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["loki.json"]


def test_a_url_as_ansible_hands_it_over(tmp_path: Path) -> None:
    """Its texts are of a class of their own: a cursor that is taken for another Loki's sends everything again."""

    class Tagged(str):
        __slots__ = ()

    path = tmp_path / "loki.json"
    cursor = Cursor("u", hash="h")
    save(path, cursor)
    assert load(path, url=Tagged("u")) == cursor
    save(path, dataclasses.replace(cursor, url=Tagged("u")))
    assert load(path, url="u") == cursor


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        "\x00\xff",
        '{"schema": 2, "url": "u"}',
        '{"schema": 1, "url": "u"}',
        json.dumps({"schema": 1, **dataclasses.asdict(Cursor("another"))}),
        json.dumps({"schema": 1, **dataclasses.asdict(Cursor("u")), "offset": "3"}),
        json.dumps({"schema": 1, **dataclasses.asdict(Cursor("u")), "offset": -3}),
        json.dumps({"schema": 1, **dataclasses.asdict(Cursor("u")), "offset": True}),
        json.dumps({"schema": 1, **dataclasses.asdict(Cursor("u")), "hash": None}),
    ],
)
def test_a_cursor_that_cannot_be_used_is_a_fresh_one(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "loki.json"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    assert load(path, url="u") == _FRESH


def test_no_trail_has_no_lines(tmp_path: Path, trail: TrailFolder) -> None:
    assert _texts(_read(trail)) == []
    files = TrailFiles([tmp_path / "missing"])
    assert list(files.lines(_FRESH)) == []
    assert files.count(_FRESH) == 0


def test_lines_follow_each_other_over_rotations(trail: TrailFolder) -> None:
    for _ in range(11):
        trail.add(3)
        trail.rotate()
    trail.add(2)
    everything = _read(trail)
    assert _texts(everything) == trail.lines
    for number, line in enumerate(everything[0]):
        assert _texts(_read(trail, _after(line))) == trail.lines[number + 1 :]


def test_a_line_without_its_end_is_not_there_yet(trail: TrailFolder) -> None:
    trail.add(2)
    trail.raw('{"id": "half')
    found = _read(trail)
    assert _texts(found) == trail.lines
    trail.raw(' a record"}\n')
    (rest,), gap = _read(trail, _after(found[0][-1]))
    assert (rest.text, rest.problem, gap) == ('{"id": "half a record"}', "it has no time", "")


def test_a_rotation_after_the_cursor_was_written(trail: TrailFolder) -> None:
    trail.add(4)
    cursor = _after(_read(trail)[0][1])
    trail.rotate()
    trail.add(1)
    trail.rotate()
    assert _texts(_read(trail, cursor)) == trail.lines[2:]


def test_a_rotation_while_the_files_are_open(trail: TrailFolder) -> None:
    trail.add(4)
    files = TrailFiles(trail.files)
    trail.rotate()
    trail.add(4)
    assert [line.text for line in files.lines(_FRESH)] == trail.lines[:4]
    assert _texts(_read(trail)) == trail.lines


def test_a_rotation_between_listing_and_opening_leaves_nothing_out(trail: TrailFolder) -> None:
    """Then the live file is a newer one than the list's, and the one before is missing: a gap, and only this time."""
    trail.add(3)
    trail.rotate()
    trail.add(3)
    listed = trail.files
    trail.rotate()
    trail.add(3)
    files = TrailFiles(listed)
    first = list(files.lines(_FRESH))
    assert [line.text for line in first] == trail.lines[:3]
    assert files.gap == f"after {first[-1].hash}"
    cursor = _after(first[-1], gap=files.gap)
    assert _texts(_read(trail, cursor)) == trail.lines[3:]


def test_the_cursors_file_is_the_one_that_was_missed(trail: TrailFolder) -> None:
    trail.add(3)
    cursor = _after(_read(trail)[0][-1])
    trail.add(2)
    listed = trail.files
    trail.rotate()
    trail.add(1)
    files = TrailFiles(listed)
    assert list(files.lines(cursor)) == []
    assert files.gap == f"lost {cursor.hash}"
    assert _texts(_read(trail, dataclasses.replace(cursor, gap=files.gap))) == trail.lines[3:]


def test_a_gap_of_the_trail_itself_is_crossed_at_the_second_time(trail: TrailFolder) -> None:
    for _ in range(3):
        trail.add(2)
        trail.rotate()
    (trail.folder / "audit.jsonl.2").unlink()
    first, gap = _read(trail)
    assert [line.text for line in first] == trail.lines[:2]
    again, gap = _read(trail, _after(first[-1], gap=gap))
    assert [line.text for line in again] == trail.lines[4:]
    assert gap == ""


def test_a_cursor_in_a_file_that_is_gone_starts_over_at_the_second_time(trail: TrailFolder) -> None:
    trail.add(2)
    cursor = _after(_read(trail)[0][-1])
    trail.rotate()
    trail.add(2)
    (trail.folder / "audit.jsonl.1").unlink()
    none, gap = _read(trail, cursor)
    assert none == []
    assert _texts(_read(trail, dataclasses.replace(cursor, gap=gap))) == trail.lines[2:]


def test_a_restored_copy_is_found_by_its_lines(trail: TrailFolder) -> None:
    trail.add(5)
    cursor = _after(_read(trail)[0][2])
    shutil.copy(trail.live, trail.folder / "copy")
    (trail.folder / "copy").rename(trail.live)
    assert trail.live.stat().st_ino != cursor.inode
    assert _texts(_read(trail, cursor)) == trail.lines[3:]


def test_another_file_under_the_same_number_is_not_taken_for_it(trail: TrailFolder) -> None:
    """Inodes are used again, and the length may fit."""
    trail.add(5)
    cursor = _after(_read(trail)[0][2])
    lines = trail.live.read_text().splitlines(keepends=True)
    trail.live.write_text("".join(lines[1:]))
    assert _texts(_read(trail, cursor)) == trail.lines[3:]


@pytest.mark.parametrize("offset", [1, 50, 10**9])
def test_an_offset_within_a_line_is_not_believed(trail: TrailFolder, offset: int) -> None:
    trail.add(5)
    cursor = dataclasses.replace(_after(_read(trail)[0][2]), offset=offset)
    assert _texts(_read(trail, cursor)) == trail.lines[3:]


def test_lines_longer_than_a_block(trail: TrailFolder) -> None:
    trail.add(3, size=300_000)
    first = _read(trail)[0][0]
    assert _texts(_read(trail, _after(first))) == trail.lines[1:]


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("[" * 5000, "it is not JSON"),
        ("[]", "it is not a record"),
        ("null", "it is not a record"),
        ('"text"', "it is not a record"),
        ("{}", "it has no time"),
        ('{"time": "yesterday"}', "it has no time"),
        ('{"time": "2026-11-24T11:30:00Z"}', ""),
        ('{"time": "2026-11-24T11:30:00Z", "hash": 7, "id": [1], "prev_hash": null}', ""),
    ],
)
def test_what_is_no_record_has_a_place_too(trail: TrailFolder, raw: str, problem: str) -> None:
    trail.add(1)
    trail.raw(raw + "\n")
    found, gap = _read(trail)
    assert (found[1].problem, gap) == (problem, "")
    assert found[1].hash.startswith("line:")
    trail.raw("next\n")
    (rest,), _ = _read(trail, _after(found[1]))
    assert rest.text == "next"


def test_bytes_that_are_no_text(trail: TrailFolder) -> None:
    with trail.live.open("ab") as stream:
        stream.write(b'{"id": "\xff\xfe"}\n')
    (line,), _ = _read(trail)
    assert (line.problem, line.text) == ("it is not JSON", "")
