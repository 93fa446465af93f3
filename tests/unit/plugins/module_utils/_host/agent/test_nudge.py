"""Who starts the agent at the end of a change, and who does not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent import nudge
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.nudge import report_change


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    def answer(argv: Sequence[str]) -> str | None:
        found.append(" ".join(argv))
        return None

    monkeypatch.setattr(nudge, "output_of", answer)
    return found


def test_a_host_without_an_agent_or_with_a_stopped_one(tmp_path: Path, asked: list[str]) -> None:
    report_change(str(tmp_path))
    assert asked == []


def test_a_change_starts_the_agent_and_waits_for_nothing(tmp_path: Path, asked: list[str]) -> None:
    link = tmp_path / "etc/systemd/system/timers.target.wants/vsa-agent.timer"
    link.parent.mkdir(parents=True)
    link.symlink_to("/etc/systemd/system/vsa-agent.timer")
    report_change(str(tmp_path))
    assert asked == ["systemctl start --no-block vsa-agent-send.service"]
