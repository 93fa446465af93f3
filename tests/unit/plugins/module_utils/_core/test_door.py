"""By which door a run came."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.door import COMMAND, DOOR, came_by_command


def test_only_the_command_says_its_door() -> None:
    assert came_by_command({DOOR: COMMAND})
    assert not came_by_command({DOOR: "ansible"})
    assert not came_by_command({})
