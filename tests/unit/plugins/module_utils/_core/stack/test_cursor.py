"""A place in a log: no line is lost between two slices, and none is shown twice."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.cursor import (
    Cursor,
    advance,
    after,
    begin,
    dump_cursors,
    load_cursors,
)
from hypothesis import given
from hypothesis import strategies as st

NOON = 1764590400  # 2025-12-01T12:00:00Z


def line(second: float, text: str = "x") -> str:
    whole, part = divmod(round(second * 1000), 1000)
    return f"2025-12-01T12:{whole // 60:02}:{whole % 60:02}.{part:03}000000Z {text}"


@pytest.mark.parametrize(
    ("last", "recent", "shown", "seen"),
    [
        ([], [], [], 0),
        ([], [line(1)], [line(1)], 1),
        ([line(1)], [], [line(1)], 0),
        ([line(1)], [line(1)], [line(1)], 1),
        ([line(1)], [line(1), line(2)], [line(1), line(2)], 2),
        # one time, one text, twice
        ([line(1), line(1)], [line(1), line(1), line(2)], [line(1), line(1), line(2)], 3),
    ],
)
def test_the_first_slice(last: list[str], recent: list[str], shown: list[str], seen: int) -> None:
    assert begin(last, recent, since=NOON) == (shown, Cursor(NOON, seen))


def test_the_lines_after_a_line_that_is_gone() -> None:
    assert after("gone", ["a", "b"]) == ["a", "b"]
    assert after(None, ["a"]) == ["a"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Cursor(NOON, 0)),
        ([line(0), line(0.5)], Cursor(NOON, 2)),
        ([line(0), line(5), line(5.1)], Cursor(NOON + 4, 2)),
        ([line(0), line(4.9), line(5)], Cursor(NOON + 4, 2)),
        # two streams: a line is older than the one above it
        ([line(0), line(4.001), line(3.999), line(5)], Cursor(NOON + 3, 3)),
        (["no time", line(5)], Cursor(NOON + 4, 1)),
        ([line(5), "no time"], Cursor(NOON + 4, 2)),
    ],
)
def test_the_next_place(lines: list[str], expected: Cursor) -> None:
    assert advance(Cursor(NOON, 0), lines) == expected


STEPS = st.lists(st.tuples(st.integers(-3, 30), st.booleans()), max_size=60)


@given(STEPS, st.booleans())
def test_every_line_is_shown_once(steps: list[tuple[int, bool]], each: bool) -> None:
    """``steps`` are lines, each with the tenths of a second since the line before it, and whether a slice ends there.

    ``each`` is how the engine leaves out older lines: each of them, or those until the first that is not older.
    No line is more than a second older than any line before it: a cursor promises no more.
    """
    log: list[str] = []
    shown: list[str] = []
    cursor, moment, newest = Cursor(NOON, 0), 1.0, 1.0
    for number, (tenths, ends) in enumerate([*steps, (0, True)]):
        moment = max(newest - 1, moment + tenths / 10)
        newest = max(newest, moment)
        log.append(line(moment, str(number)))
        if not ends:
            continue
        seconds = [int(entry[17:19]) + 60 * int(entry[14:16]) + NOON for entry in log]
        newer = [second >= cursor.since for second in seconds]
        first = newer.index(True) if True in newer else len(log)
        window = [entry for entry, new in zip(log, newer, strict=True) if new] if each else log[first:]
        shown += window[cursor.seen :]
        cursor = advance(cursor, window)
    assert shown == log


def test_a_cursor_as_text() -> None:
    cursors = {"b": Cursor(1, 2), "a": Cursor()}
    assert load_cursors(dump_cursors(cursors)) == cursors
    assert load_cursors("") == {}
    for text in ("x", "[]", "1", '{"a": 1}', '{"a": ["x", 1]}'):
        with pytest.raises(RefusedError, match="no place in a log"):
            load_cursors(text)
