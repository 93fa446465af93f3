"""Words and numbers as every view says them."""

from __future__ import annotations

import pytest

from vsa.core import word
from vsa.output.text import clean, seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.04, "0.0 s"), (4.84, "4.8 s"), (99.9, "99.9 s"), (100, "1 min 40 s"), (3600, "60 min 0 s"), (7260, "2 h 1 min"),
     (6000, "1 h 40 min")],
)  # fmt: skip
def test_seconds(value: float, expected: str) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "—"), ("", "—"), ([], "—"), ({}, "—"), (True, "yes"), (False, "no"), (0, "0"), (["a", 1], "a, 1"),
     ({"a": 1, "b": None}, "a 1 · b —"), ("two\nlines", "two lines"), ("tab\there", "tab here")],
)  # fmt: skip
def test_words(value: object, expected: str) -> None:
    assert word(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("\x1b[31m", "\\x1b[31m"), ("a\u202eb", "a\\u202eb"), ("bücher → 日本", "bücher → 日本")]
)
def test_what_acts_on_a_terminal_is_shown_as_an_escape(value: str, expected: str) -> None:
    assert clean(value) == expected
