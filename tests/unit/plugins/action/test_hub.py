# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token of a node: made on the controller, kept in a file of mode 0600, and known to the host by its hash alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.action.hub import ActionModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.token import node_of_token, token_hash
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError


class Plugin(ActionModule):
    """The plugin with a hub that answers ``result``; ``calls`` are the added options of each call of the module."""

    def __init__(self, task: dict[str, Any], result: dict[str, Any] | None = None, *, check: bool = False) -> None:
        self._task = SimpleNamespace(args=task, check_mode=check)
        self._vars = {}
        self.calls: list[dict[str, Any]] = []
        self.result = {"changed": True} if result is None else result

    def execute(self, **more: Any) -> dict[str, Any]:
        self.calls.append(more)
        return self.result


def token_in(place: Path) -> str:
    assert place.stat().st_mode & 0o777 == 0o600
    return place.read_text().removesuffix("\n")


@pytest.mark.parametrize("state", ["registered", "rotated"])
def test_the_hash_alone_reaches_the_host(tmp_path: Path, state: str) -> None:
    place = tmp_path / "token"
    plugin = Plugin({"state": state, "node": "vps-01", "token_file": str(place)})
    result = plugin.act()
    token = token_in(place)
    assert node_of_token(token) == "vps-01"
    assert plugin.calls == [{"token_hash": token_hash(token)}]
    assert token not in str((plugin.calls, result))
    again = Plugin({"state": state, "node": "vps-01", "token_file": str(tmp_path / "other")})
    again.act()
    assert token_in(tmp_path / "other") != token


def test_a_token_that_the_hub_does_not_know_is_not_kept(tmp_path: Path) -> None:
    place = tmp_path / "token"
    Plugin({"state": "registered", "node": "vps-01", "token_file": str(place)}, {"failed": True}).act()
    assert not place.exists()


def test_nothing_is_asked_of_the_hub_if_the_token_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("there", "link", "no/folder"):
        plugin = Plugin({"state": "rotated", "node": "vps-01", "token_file": str(tmp_path / name)})
        with pytest.raises(RefusedError) as caught:
            plugin.act()
        assert caught.value.field == "token_file"
        assert plugin.calls == []
    assert (tmp_path / "there").read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(UsageError):
        Plugin({"state": "rotated", "node": "vps-01"}).act()
    with pytest.raises(RefusedError):
        Plugin({"state": "rotated", "node": "../x", "token_file": str(tmp_path / "new")}).act()


def test_a_check_makes_no_file(tmp_path: Path) -> None:
    place = tmp_path / "token"
    Plugin({"state": "registered", "node": "vps-01", "token_file": str(place)}, check=True).act()
    assert not place.exists()


@pytest.mark.parametrize("state", ["revoked", "removed", "shown"])
def test_other_states_make_no_token(state: str) -> None:
    plugin = Plugin({"state": state, "node": "vps-01"})
    plugin.act()
    assert plugin.calls == [{}]


@pytest.mark.parametrize(
    ("state", "verb"),
    [("registered", "vps.add"), ("rotated", "agent.rotate"), ("removed", "vps.remove"), ("shown", "vps.list")],
)
def test_each_state_has_its_verb(state: str, verb: str) -> None:
    assert Plugin({"state": state}).default_verb() == verb
