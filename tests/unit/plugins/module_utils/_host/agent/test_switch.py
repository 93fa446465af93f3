"""Starting, stopping and removing the agent. systemd is the fake of test_register."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent import files, switch
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.files import (
    config_files,
    program_files,
    write_files,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.places import TIMER, AgentPlaces
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.register import make_user, remove_user
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.programs import Finished
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.systemd import UnitState

from agenthost import TOKEN


class Timer:
    """Notes what is run; only the state of the timer matters here."""

    def __init__(self) -> None:
        self.on = False
        self.ran: list[str] = []

    def run(self, words: Sequence[str], **_named: Any) -> Finished:
        """Note the words of a program."""
        self.ran.append(" ".join(words))
        if TIMER in words:
            self.on = "enable" in words
        return Finished(0, "", "")


@pytest.fixture
def timer(monkeypatch: pytest.MonkeyPatch) -> Timer:
    fake = Timer()

    def require(words: list[str], **_named: Any) -> None:
        fake.run(words)

    monkeypatch.setattr(switch, "run_program", fake.run)
    monkeypatch.setattr(switch, "require_success", require)
    monkeypatch.setattr(switch, "make_user", lambda: False)
    monkeypatch.setattr(switch, "remove_user", lambda: fake.ran.append("userdel"))
    monkeypatch.setattr(switch, "read_unit", lambda _name: UnitState(fake.on, fake.on))
    monkeypatch.setattr(files, "needed_sources", lambda *_modules: {"a.py": "pass\n"})
    return fake


@pytest.fixture
def root(tmp_path: Path, timer: Timer) -> str:
    """A registered host whose agent does not run."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    places = AgentPlaces(str(tmp_path))
    write_files({**program_files(places), **config_files(places, hub_url="https://hub", token=TOKEN, ca=None)})
    return str(tmp_path)


def test_start_and_stop_are_done_once(root: str, timer: Timer) -> None:
    assert switch.start(check=True, root=root).changed
    assert timer.ran == []
    assert switch.start(check=False, root=root).changed
    assert timer.on
    assert not switch.start(check=False, root=root).changed
    assert switch.stop(check=True, root=root).changed
    assert timer.on
    assert switch.stop(check=False, root=root).changed
    assert not timer.on
    assert not switch.stop(check=False, root=root).changed


def test_start_brings_the_program_of_this_version(root: str, timer: Timer) -> None:
    switch.start(check=False, root=root)
    AgentPlaces(root).program.write_bytes(b"of an earlier version")
    result = switch.start(check=False, root=root)
    assert result.changed
    assert AgentPlaces(root).program.read_bytes() != b"of an earlier version"


def test_unregister_removes_everything_once(root: str, timer: Timer) -> None:
    assert switch.unregister(check=True, root=root).changed
    assert AgentPlaces(root).token.exists()
    assert switch.unregister(check=False, root=root).changed
    assert "userdel" in timer.ran
    left = [path for path in Path(root).rglob("*") if path.is_file()]
    assert left == []
    assert not switch.unregister(check=False, root=root).changed


@pytest.mark.parametrize("verb", [switch.start, switch.stop])
def test_an_agent_without_a_hub(tmp_path: Path, timer: Timer, verb: Any) -> None:
    with pytest.raises(RefusedError, match="has no hub"):
        verb(check=False, root=str(tmp_path))
    assert not switch.unregister(check=False, root=str(tmp_path)).changed


def test_the_user_is_made_once_and_removed_with_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent import register

    there = {"passwd": False, "group": False}
    ran: list[str] = []

    def run(words: Sequence[str]) -> Finished:
        ran.append(words[0])
        if words[0] == "getent":
            return Finished(0 if there[words[1]] else 2, "", "")
        return Finished(0, "", "")

    monkeypatch.setattr(register, "run_program", run)
    monkeypatch.setattr(register, "require_success", lambda words, **_named: ran.append(words[0]))
    assert make_user() is True
    assert "systemd-sysusers" in ran
    there["passwd"] = there["group"] = True
    assert make_user() is False
    ran.clear()
    remove_user()
    assert ran == ["userdel", "getent", "groupdel"]
