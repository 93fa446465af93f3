"""How the state of an agent is shown."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.shown import (
    AGENT_TITLES,
    LATE_STATES,
    agent_cells,
    agent_lines,
    agent_rank,
)

FRESH: dict[str, Any] = {
    "state": "fresh",
    "hub_url": "https://hub.example.com",
    "node": "vps-01",
    "last_beat": {"at": "2026-11-30T09:00:00Z", "age_seconds": 12, "sequence": 7},
    "answer": {"result": "accepted", "message": None},
    "cursor": "a" * 64,
    "backlog": 0,
    "skew_seconds": 1,
    "units": {"collector": {"result": "success"}, "sender": {"result": "success"}},
    "problems": [],
}


def test_a_row_has_a_cell_for_each_title() -> None:
    assert agent_cells({"agent": FRESH}) == ["fresh", "12 s ago", "accepted", 0, "same", "ok"]
    assert len(AGENT_TITLES) == 6
    assert agent_cells({"agent": {"state": "not registered", "problems": []}}) == ["not registered", *[None] * 5]


@pytest.mark.parametrize(
    ("change", "place", "cell"),
    [
        ({"last_beat": {"at": "2026-11-30T09:00:00Z", "age_seconds": None}}, 1, "2026-11-30T09:00:00Z"),
        ({"answer": {"result": "refused", "message": "this token is revoked"}}, 2, "this token is revoked"),
        ({"skew_seconds": 90}, 4, "90 s fast"),
        ({"skew_seconds": -3}, 4, "3 s slow"),
        ({"units": {"collector": {"result": "timeout"}, "sender": {"result": None}}}, 5, "collector failed"),
    ],
)
def test_cells_of_other_states(change: dict[str, Any], place: int, cell: str) -> None:
    assert agent_cells({"agent": {**FRESH, **change}})[place] == cell


def test_the_lines_say_everything_and_nothing_empty() -> None:
    lines = agent_lines({"agent": {**FRESH, "problems": ["its timer does not run", "the clock is slow"]}})
    assert lines[0] == "agent: fresh"
    words = "hub node last hub cursor backlog clock units look the".split()
    assert [line.split()[0] for line in lines[1:]] == words
    assert agent_lines({"agent": {"state": "not registered"}}) == ["agent: not registered"]


def test_the_worst_is_first() -> None:
    states = ["fresh", "not registered", "stopped", "late", "never"]
    assert sorted(states, key=lambda state: agent_rank({"agent": {"state": state}})) == [
        *("never", "late", "stopped", "not registered", "fresh")
    ]
    assert set(LATE_STATES) == {"late", "never", "stopped"}
    assert agent_rank({}) == 0
