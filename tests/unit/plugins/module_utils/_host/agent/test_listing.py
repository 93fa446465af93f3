"""What is said of an agent, and from which age on a beat is late."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent import listing
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.files import config_files, write_files
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.listing import show_agent
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.places import AgentPlaces
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender.state import State
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.systemd import UnitState

from agenthost import NODE, TOKEN, MovedClock

TAKEN: dict[str, Any] = {
    "at": "2026-11-30T09:00:00Z",
    "since_boot": 1000.0,
    "sequence": 5,
    "result": "accepted",
    "backlog": 0,
    "skew_seconds": 0,
    "agent_minimum": "0.1.0",
}


class Shown:
    """A registered agent whose files a test writes."""

    def __init__(self, root: Path) -> None:
        self.places = AgentPlaces(str(root))
        self.time = MovedClock(seconds=1010.0)
        self.running = True
        self.units: dict[str, str] = {}

    def agent(self) -> dict[str, Any]:
        """Return what is said."""
        root = str(self.places.config.parents[2])
        return dict(show_agent(root=root, clock=self.time.clock()).data["agent"])

    def state(self, **values: Any) -> None:
        """Write the sender's state."""
        known: dict[str, Any] = {"boot": "boot-1", "taken": TAKEN, "last": TAKEN, **values}
        self.places.state.parent.mkdir(parents=True, exist_ok=True)
        self.places.state.write_text(State(epoch="1" * 32, sequence=5, **known).as_json(), encoding="ascii")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shown:
    made = Shown(tmp_path)
    write_files(config_files(made.places, hub_url="https://hub", token=TOKEN, ca=None))
    made.state()
    monkeypatch.setattr(listing, "read_unit", lambda _name: UnitState(made.running, made.running))
    monkeypatch.setattr(
        listing, "output_of", lambda argv: made.units.get(argv[2], "Result=success\nExecMainStatus=0\n")
    )
    return made


def test_a_fresh_agent(host: Shown) -> None:
    found = host.agent()
    assert (found["state"], found["hub_url"], found["node"], found["problems"]) == ("fresh", "https://hub", NODE, [])
    assert found["last_beat"] == {"at": TAKEN["at"], "age_seconds": 10, "sequence": 5}
    assert TOKEN not in json.dumps(found)


@pytest.mark.parametrize(("seconds", "state"), [(1075.0, "fresh"), (1076.0, "late"), (90000.0, "late")])
def test_a_beat_is_late_after_75_seconds(host: Shown, seconds: float, state: str) -> None:
    host.time.seconds = seconds
    assert host.agent()["state"] == state


def test_the_clock_of_the_host_decides_nothing(host: Shown) -> None:
    import datetime

    host.time.start += datetime.timedelta(days=400)
    assert host.agent()["state"] == "fresh"


def test_after_a_boot_the_last_beat_is_late_until_the_next(host: Shown) -> None:
    host.time.boot, host.time.seconds = "boot-2", 20.0
    found = host.agent()
    assert (found["state"], found["last_beat"]["age_seconds"]) == ("late", None)


def test_what_the_hub_said_is_among_the_problems(host: Shown) -> None:
    host.time.seconds = 1500.0
    refused = {"result": "refused", "code": "token_revoked", "message": "this token is revoked"}
    host.state(last=refused, failures=3, not_before=4600.0)
    host.units["vsa-agent-send.service"] = "Result=exit-code\nExecMainStatus=1\n"
    found = host.agent()
    assert found["problems"] == ["the hub took no beat for more than 75 s: this token is revoked"]
    assert (found["failures"], found["wait_seconds"]) == (3, 3100)
    assert found["units"]["sender"]["exit_code"] == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"skew_seconds": 86400}, "the clock of this host is 86400 s fast"),
        ({"skew_seconds": -61}, "the clock of this host is 61 s slow"),
        ({"agent_minimum": "99.0.0"}, "the hub wants a newer agent: upgrade VSA and start the agent again"),
    ],
)
def test_what_else_is_to_be_looked_at(host: Shown, change: dict[str, Any], problem: str) -> None:
    host.state(taken={**TAKEN, **change})
    assert host.agent()["problems"] == [problem]


def test_a_collector_that_fails(host: Shown) -> None:
    host.units["vsa-agent-collect.service"] = "Result=timeout\nExecMainStatus=9\n"
    assert host.agent()["problems"] == ["the collector failed: timeout"]


def test_other_states(host: Shown, tmp_path: Path) -> None:
    host.running = False
    assert host.agent()["state"] == "stopped"
    host.running = True
    host.places.state.unlink()
    found = host.agent()
    assert (found["state"], found["last_beat"], found["answer"]) == ("never", None, None)
    host.places.hub.write_text("{", encoding="ascii")
    host.places.token.write_text("x", encoding="ascii")
    assert "damaged" in host.agent()["problems"][0]
    host.places.token.unlink()
    assert host.agent() == {"state": "not registered", "problems": []}
