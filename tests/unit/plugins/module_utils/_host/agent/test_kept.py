"""Rows that are read again only if something changed, and once in a while."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.kept import Kept


class Source:
    """Counts what is read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, keys: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        self.read += keys
        return {key: {"key": key, "number": len(self.read)} for key in keys if key != "gone"}


def again(kept: Kept, *, now: float) -> Kept:
    return Kept(json.loads(json.dumps(kept.as_json())), now=now)


def test_a_row_is_read_once_while_its_stamp_stays() -> None:
    source, stamps = Source(), {"a": [1, None], "b": [2, None]}
    kept = Kept(None, now=10.0)
    first = kept.rows("sites", stamps, source)
    assert [row["key"] for row in first] == ["a", "b"]
    kept = again(kept, now=40.0)
    assert kept.rows("sites", stamps, source) == first
    kept = again(kept, now=70.0)
    kept.rows("sites", {**stamps, "b": [3, None]}, source)
    assert source.read == ["a", "b", "b"]
    assert kept.row("sites", "a") == first[0]
    assert kept.row("sites", "c") is None
    assert again(kept, now=80.0).row("sites", "a") is None


def test_a_row_is_read_again_if_what_it_names_changes() -> None:
    source, states = Source(), {"a": "running"}
    kept = Kept(None, now=0.0)
    for state in ("running", "running", "exited", "exited"):
        states["a"] = state
        kept = again(kept, now=0.0)
        kept.rows("sites", {"a": 1}, source, depends=lambda _key, row: states[row["key"]])
    assert source.read == ["a", "a"]


def test_rows_come_due_after_an_hour_a_few_at_a_time() -> None:
    source, stamps = Source(), {f"{number:02}": number for number in range(60)}
    kept = Kept(None, now=0.0)
    kept.rows("sites", stamps, source)
    source.read.clear()
    for beat in range(20):
        kept = again(kept, now=3600.0 + 30 * beat)
        kept.rows("sites", stamps, source)
        assert len(source.read) == 3 * (beat + 1)
    assert sorted(source.read) == sorted(stamps)


def test_after_a_boot_everything_is_read() -> None:
    source = Source()
    kept = Kept(None, now=5000.0)
    kept.rows("sites", {"a": 1}, source)
    again(kept, now=10.0).rows("sites", {"a": 1}, source)
    assert source.read == ["a", "a"]


def test_what_is_gone_is_forgotten_and_a_section_that_failed_is_kept() -> None:
    source = Source()
    kept = Kept(None, now=0.0)
    kept.rows("sites", {"a": 1, "gone": 1}, source)
    kept.rows("stacks", {"s": 1}, source)
    kept = again(kept, now=30.0)
    assert kept.rows("sites", {"a": 1}, source) == [{"key": "a", "number": 2}]
    assert set(kept.as_json()["sites"]) == {"a"}
    assert set(kept.as_json()["stacks"]) == {"s"}


@pytest.mark.parametrize("known", [None, [], "x", {"sites": []}, {"sites": {"a": 3}}, {"sites": {"a": {"stamp": 1}}}])
def test_a_damaged_file_is_no_file(known: object) -> None:
    source = Source()
    assert Kept(known, now=0.0).rows("sites", {"a": 1}, source) == [{"key": "a", "number": 1}]
