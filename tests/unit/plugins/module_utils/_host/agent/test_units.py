"""The units of the agent, as texts. tests/integration/test_agent.py looks at them from inside."""

from __future__ import annotations

import configparser

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.places import COLLECT, PROGRAM, SEND, TIMER, USER
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.units import SYSUSERS, unit_files


def settings(name: str) -> dict[str, list[str]]:
    """Return the settings of a unit: systemd lets one stand several times."""
    found: dict[str, list[str]] = {}
    for line in unit_files()[name].splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("name", [COLLECT, SEND, TIMER])
def test_a_unit_is_well_formed(name: str) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=")
    parser.read_string(unit_files()[name])
    assert "Unit" in parser.sections()


def test_what_has_the_rights_of_root_has_no_network() -> None:
    found = settings(COLLECT)
    assert found["PrivateNetwork"] == ["yes"]
    assert found["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert found["CapabilityBoundingSet"] == [""]
    assert "LoadCredential" not in found


def test_what_has_the_network_has_neither_root_nor_docker() -> None:
    found = settings(SEND)
    assert found["User"] == [USER]
    assert found["RestrictAddressFamilies"] == ["AF_INET AF_INET6"]
    assert "/run/docker.sock" in found["InaccessiblePaths"][0]
    assert found["CapabilityBoundingSet"] == [""]
    assert [entry.split(":")[0] for entry in found["LoadCredential"]] == ["token", "hub"]


def test_nothing_stays_resident_and_the_sender_takes_the_collector_along() -> None:
    for name in (COLLECT, SEND):
        assert settings(name)["StartLimitIntervalSec"] == ["0"]  # each verb starts them
        assert settings(name)["Type"] == ["oneshot"]
        assert PROGRAM in settings(name)["ExecStart"][0]
    assert COLLECT in settings(SEND)["Wants"][0]
    assert COLLECT in settings(SEND)["After"][0]


def test_each_host_has_its_own_second() -> None:
    found = settings(TIMER)
    assert found["FixedRandomDelay"] == ["yes"]
    assert found["Unit"] == [SEND]


def test_the_user_has_no_shell_and_no_home() -> None:
    assert SYSUSERS.splitlines()[-1] == f'u {USER} - "Agent of VSA" - -'
