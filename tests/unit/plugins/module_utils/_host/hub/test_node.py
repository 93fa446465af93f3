# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of the hub on its host: which container is asked, what it gets, and what becomes of the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hub.operation import NodeRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.hub.node import change_node
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_stack import Done
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare

from stackhost import StackHost, fake_compose, make_container

HASH = "ab" * 32
ROTATE = NodeRequest("rotated", "vps-01", token_hash=HASH)
PROGRAM = "exec dashboard-dashboard ['python3', '-m', 'hub.admin'] "


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    """A host with a stack of the name dashboard, whose container runs."""
    host = StackHost(tmp_path)
    env = {"APP_DOMAIN": "hub.example.com", "APP_SECRET": "correct-horse-battery"}
    prepare(
        StackUpRequest("dashboard", host.files, env, own=True),
        check=False,
        diff=False,
        paths=host.paths,
        engine=host.engine,  # type: ignore[arg-type]
        compose=fake_compose,
    )
    host.engine.running = [make_container("dashboard", "dashboard", project="acme-dashboard")]
    host.engine.done.clear()
    return host


def change(host: StackHost, request: NodeRequest, *, check: bool = False) -> Result:
    return change_node(request, check=check, paths=host.paths, engine=host.engine)  # type: ignore[arg-type]


def answered(host: StackHost, said: dict[str, Any], code: int = 0) -> None:
    host.engine.done_in = Done(code, json.dumps(said), "", 0)


def test_the_program_gets_the_request_on_its_input(host: StackHost) -> None:
    answered(host, {"changed": True})
    result = change(host, ROTATE)
    assert (result.changed, result.data) == (True, {})
    assert [step.text for step in result.steps] == ["vps-01 is rotated at the hub"]
    said = json.dumps({"do": "rotate", "node": "vps-01", "token_hash": HASH}, separators=(",", ":"))
    assert host.engine.done == [PROGRAM + said]


def test_what_was_done_before_changes_nothing(host: StackHost) -> None:
    answered(host, {"changed": False, "removed": {}})
    result = change(host, NodeRequest("removed", "vps-01"))
    assert (result.changed, result.data) == (False, {"removed": {}})
    assert result.steps[0].text == "vps-01 was removed before"


def test_the_nodes_are_shown(host: StackHost) -> None:
    answered(host, {"changed": False, "nodes": [{"id": "vps-01"}]})
    result = change(host, NodeRequest("shown"), check=True)
    assert (result.changed, result.data) == (False, {"nodes": [{"id": "vps-01"}]})


@pytest.mark.parametrize("would", [True, False])
def test_a_check_asks_the_hub_what_would_happen(host: StackHost, would: bool) -> None:
    answered(host, {"changed": would})
    result = change(host, NodeRequest("revoked", "vps-01"), check=True)
    assert result.changed is would
    expected = "vps-01 would be revoked at the hub" if would else "vps-01 was revoked before"
    assert [step.text for step in result.steps] == [expected]
    assert host.engine.done == [PROGRAM + '{"do":"revoke","check":true,"node":"vps-01"}']


def test_a_check_foresees_a_refusal(host: StackHost) -> None:
    answered(host, {"error": {"code": "exists", "message": "the node is registered", "field": "node"}}, 3)
    with pytest.raises(RefusedError, match="is registered"):
        change(host, ROTATE, check=True)


def test_a_refusal_of_the_hub_changes_nothing(host: StackHost) -> None:
    answered(host, {"error": {"code": "unknown", "message": "the hub knows no such node", "field": "node"}}, 3)
    with pytest.raises(RefusedError, match="knows no such node"):
        change(host, ROTATE)


def test_a_host_without_a_hub_is_refused(host: StackHost, tmp_path: Path) -> None:
    host.engine.running = []
    with pytest.raises(RefusedError, match="does not run") as caught:
        change(host, ROTATE)
    assert caught.value.hint
    other = StackHost(tmp_path / "other")
    with pytest.raises(RefusedError, match="no hub"):
        change(other, ROTATE)


def test_a_request_with_a_mistake_reaches_nobody(host: StackHost) -> None:
    with pytest.raises(RefusedError):
        change(host, NodeRequest("rotated", "vps-01"))
    assert host.engine.done == []
