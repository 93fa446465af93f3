"""The state of agents, from payloads in the module's shape."""

from __future__ import annotations

from typing import Any

import rendered
from vsa.ansible.report import HostResult
from vsa.views.agent import agent_table

GONE = HostResult(error={"message": "ssh: connect to host 198.51.100.4 port 22: timed out"}, exit_code=5)


def host(state: str, **more: Any) -> HostResult:
    return HostResult(payload={"agent": {"state": state, "problems": [], **more}})


def test_the_worst_is_first_and_its_problems_are_below() -> None:
    said = rendered.printed(
        agent_table(
            {
                "vps-01": host(
                    "fresh", last_beat={"at": "t", "age_seconds": 12}, answer={"result": "accepted"}, backlog=0
                ),
                "vps-02": GONE,
                "vps-03": host("late", problems=["the hub took no beat for more than 75 s: \x1b[2Jno"]),
                "vps-04": host("not registered"),
            }
        ),
        width=100,
    )
    lines = said.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["HOST", "vps-03", "vps-04", "vps-01"]
    assert "12 s ago" in lines[3]
    assert lines[4].startswith("vps-03: the hub took no beat")
    assert "\x1b" not in said
    assert "vps-02" in lines[-1]
    assert "timed out" in lines[-1]
