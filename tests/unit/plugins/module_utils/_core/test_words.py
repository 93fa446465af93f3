# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of others do nothing to a terminal, are short, and have a speaker."""

from __future__ import annotations

import json
import unicodedata

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.words import (
    Words,
    error_words,
    escaped,
    escaped_json,
    escaped_lines,
    shortened,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with ümlaut and 日本", "plain, with ümlaut and 日本"),
        ("a\tb", "a b"),
        ("a\nb\r", r"a\nb\r"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("\x9b31m\x85", r"\x9b31m\x85"),
        ("user\u202etxt.exe\u2066", r"user\u202etxt.exe\u2066"),
        ("a\u200bb\ufeff\u00ad", r"a\u200bb\ufeff\xad"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\ud800 \udcff", r"\ud800 \udcff"),
        ("\U000e0061", r"\U000e0061"),
        ("\0\x7f", r"\x00\x7f"),
        (r"already \x1b", r"already \x1b"),
    ],
)
def test_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown
    assert escaped(shown) == shown


@given(st.text(alphabet=st.characters(codec=None)))
def test_escaped_text_has_no_character_that_acts(text: str) -> None:
    shown = escaped(text)
    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert {letter for letter in shown if unicodedata.bidirectional(letter) in ("RLO", "LRO", "RLE", "LRE")} == set()
    assert escaped(shown) == shown
    assert "\n" not in shown
    shown.encode()


def test_lines_are_kept_where_lines_are_wanted() -> None:
    assert escaped_lines("a\r\nb\x1b\n\tc\x85d") == "a\nb\\x1b\n c\\x85d"


def test_shortened() -> None:
    assert shortened("x" * 300) == "x" * 300
    assert shortened("x" * 301) == "x" * 299 + "…"
    assert shortened("abc", 2) == "a…"


def test_words_have_a_speaker() -> None:
    words = Words("Compose", "no\n  such\x1b[2J image\n")
    assert str(words) == f"{words}" == r"Compose says: no such\x1b[2J image"
    assert words.shown == r"no such\x1b[2J image"
    assert words.raw == "no\n  such\x1b[2J image\n"


def test_words_over_lines() -> None:
    words = Words("certbot", "\n".join(["first", "", *(f"line {number}" for number in range(6)), "x" * 400]))
    assert words.lines()[0] == "certbot says: line 2"
    assert len(words.lines()) == 5
    assert words.lines(1)[0].endswith("x…")
    assert not Words("certbot", " \n")
    assert Words("certbot", "x")
    assert Words("certbot", " \n").lines() == []


@given(st.text(alphabet=st.characters(codec=None)))
def test_escaped_json_means_the_same(text: str) -> None:
    document = json.dumps({"text": text}, ensure_ascii=False, indent=2)
    shown = escaped_json(document)
    assert json.loads(shown) == {"text": text}
    assert escaped(shown.replace("\n", "")) == shown.replace("\n", "")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory", "/run/docker.sock"), "No such file or directory"),
        (TimeoutError("the line is too slow"), "the line is too slow"),
        (ValueError(), "ValueError"),
        (OSError(), "OSError"),
    ],
)
def test_an_error_is_told_without_its_number(error: Exception, said: str) -> None:
    assert error_words(error) == said
