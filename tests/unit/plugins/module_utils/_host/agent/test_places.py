"""Where the agent's files lie."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.places import (
    COLLECT,
    AgentPlaces,
    require_systemd,
)


def test_every_path_is_below_the_root(tmp_path: Path) -> None:
    places = AgentPlaces(str(tmp_path))
    found = (places.hub, places.token, places.snapshot, places.kept, places.state, places.state_in_memory)
    assert all(path.is_relative_to(tmp_path) for path in (*found, places.program, places.unit(COLLECT)))


def test_a_host_is_registered_if_it_has_a_hub_and_a_token(tmp_path: Path) -> None:
    places = AgentPlaces(str(tmp_path))
    assert not places.registered
    places.config.mkdir(parents=True)
    places.hub.touch()
    assert not places.registered
    places.token.touch()
    assert places.registered


def test_a_host_without_systemd(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no systemd"):
        require_systemd(str(tmp_path))
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    require_systemd(str(tmp_path))
