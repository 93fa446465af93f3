"""The state of a unit, and its last lines in the journal."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import systemd
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.systemd import UnitState


# what `systemctl show` of systemd 257 prints; None: there is no systemd
@pytest.mark.parametrize(
    ("printed", "state"),
    [
        ("ActiveState=active\nUnitFileState=enabled\n", UnitState(active=True, enabled=True)),
        ("ActiveState=active\nUnitFileState=disabled\n", UnitState(active=True)),
        ("ActiveState=activating\nUnitFileState=enabled\n", UnitState(enabled=True)),
        ("ActiveState=failed\nUnitFileState=enabled-runtime\n", UnitState()),
        ("ActiveState=inactive\nUnitFileState=\n", UnitState()),
        (None, UnitState()),
    ],
)
def test_the_state_of_a_unit(monkeypatch: pytest.MonkeyPatch, printed: str | None, state: UnitState) -> None:
    monkeypatch.setattr(
        systemd, "output_of", lambda argv: printed if argv[:3] == ["systemctl", "show", "x.service"] else ""
    )
    assert systemd.read_unit("x.service") == state


def test_the_journal_is_the_programs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(systemd, "output_of", lambda argv: calls.append(argv) or "one\ntwo\n")
    assert systemd.journal_of("docker.service", program="dockerd") == "one\ntwo\n"
    assert {"--unit=docker.service", "--identifier=dockerd", "--output=cat"} <= set(calls[0])
    monkeypatch.setattr(systemd, "output_of", lambda argv: None)
    assert systemd.journal_of("docker.service", program="dockerd") == ""
