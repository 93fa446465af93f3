"""What the sender remembers: written whole, read whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.places import AgentPlaces
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender import state as states
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender.state import (
    State,
    new_epoch,
    read_state,
    write_state,
)

STATE = State(epoch="1" * 32, sequence=7, after="2" * 64, sure=True, boot="b", last={"result": "accepted"})


@pytest.fixture
def places(tmp_path: Path) -> AgentPlaces:
    made = AgentPlaces(str(tmp_path))
    made.state.parent.mkdir(parents=True)
    made.state_in_memory.parent.mkdir(parents=True)
    return made


def test_what_is_written_is_read(places: AgentPlaces) -> None:
    assert read_state(places) is None
    write_state(places, STATE)
    assert read_state(places) == STATE
    assert places.state.stat().st_mode & 0o777 == 0o644


def test_while_the_disk_is_full_the_state_waits_in_memory(places: AgentPlaces, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(places, STATE)
    later = State(epoch=STATE.epoch, sequence=8)

    def full(*_words: Any, **_named: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(states, "write_atomically", full)
        write_state(places, later)
        assert read_state(places) == later
    write_state(places, State(epoch=STATE.epoch, sequence=9))
    assert not places.state_in_memory.exists()
    found = read_state(places)
    assert found is not None
    assert found.sequence == 9


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epoch", "x"),
        ("epoch", None),
        ("sequence", -1),
        ("sequence", True),
        ("after", "x"),
        ("sure", 1),
        ("failures", "2"),
        ("boot", None),
        ("not_before", "soon"),
        ("last", []),
        ("taken", 5),
        ("schema", 2),
    ],
)
def test_a_damaged_state_is_none(places: AgentPlaces, field: str, value: object) -> None:
    data = {**json.loads(STATE.as_json()), field: value}
    places.state.write_text(json.dumps(data), encoding="utf-8")
    assert read_state(places) is None


def test_a_state_of_a_later_version_is_read(places: AgentPlaces) -> None:
    places.state.write_text(json.dumps({**json.loads(STATE.as_json()), "new": 1}), encoding="utf-8")
    assert read_state(places) == STATE


def test_epochs_differ() -> None:
    assert len({new_epoch() for _number in range(50)}) == 50


def test_root_reads_no_state_through_a_link_or_a_pipe(places: AgentPlaces, tmp_path: Path) -> None:
    """The directory belongs to the sender, and `vsa agent status` reads it as root."""
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(STATE.as_json())
    places.state.symlink_to(elsewhere)
    assert read_state(places) is None
    places.state.unlink()
    os.mkfifo(places.state)  # opening it would wait for a writer
    assert read_state(places) is None
