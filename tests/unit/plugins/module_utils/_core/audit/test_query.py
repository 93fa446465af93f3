# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a trail: times, words, and clocks that cannot be right."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.query import clocks_apart, moment, state_word
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import uuid7

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", "2026-11-24T11:58:30.000000Z"),
        ("2h", "2026-11-24T10:00:00.000000Z"),
        ("1w", "2026-11-17T12:00:00.000000Z"),
        ("2026-11-24", "2026-11-24T00:00:00.000000Z"),
        ("2026-11-24T10:00:00Z", "2026-11-24T10:00:00.000000Z"),
        ("2026-11-24T10:00:00+02:00", "2026-11-24T08:00:00.000000Z"),
    ],
)
def test_a_moment(text: str, expected: str) -> None:
    assert moment(text, now=NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "0h", "2 h", "999999w", "2026-13-01"])
def test_no_moment(text: str) -> None:
    with pytest.raises(UsageError):
        moment(text, now=NOW)


@pytest.mark.parametrize(
    ("status", "changed", "check", "word"),
    [
        ("ok", True, False, "changed"),
        ("ok", True, True, "would_change"),
        ("ok", False, True, "unchanged"),
        ("failed", True, False, "failed"),
        ("started", False, False, "started"),
    ],
)
def test_the_word_of_an_end(status: str, changed: bool, check: bool, word: str) -> None:
    assert state_word(status, changed=changed, check=check) == word


def run(clock: str, *, at_start: str | None = None) -> tuple[str, str]:
    """Return the id and the time of a run; ``at_start`` is what the controller's clock said when the run began."""
    began = datetime.fromisoformat(f"{at_start or clock}:00+00:00")
    return uuid7(int(began.timestamp() * 1000), randomness=b"0123456789"), f"{clock}:00.000000Z"


@pytest.mark.parametrize(
    ("runs", "wrong"),
    [
        ([], []),
        ([run("2026-11-24T10:00"), run("2026-11-24T10:00"), run("2026-11-24T11:59")], [0, 0, 0]),
        ([run("2026-11-24T10:00"), run("2026-11-24T09:58")], [0, 0]),
        ([run("2026-11-24T10:00"), run("2026-11-24T09:50")], [0, 1]),
        ([run("2026-11-24T10:00"), run("2027-12-29T10:00"), run("2026-11-24T11:00")], [0, 1, 0]),
        ([run("2026-11-24T10:00", at_start="2026-11-21T10:00")], [1]),
        ([run("2026-11-24T10:00", at_start="2026-11-24T10:20")], [1]),
        ([run("2026-11-24T10:00", at_start="2026-11-24T09:20")], [0]),
        ([("not an id", "not a time")], [0]),
    ],
)
def test_clocks_that_cannot_be_right(runs: list[tuple[str, str]], wrong: list[int]) -> None:
    assert clocks_apart(runs, now="2026-11-24T12:00:00.000000Z") == [bool(each) for each in wrong]
