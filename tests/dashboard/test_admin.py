"""`python -m hub.admin` as the module calls it: a process, JSON in, JSON out, and the token nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.token import made_token, token_hash

import rig
from hub.admin import answer
from hubapp import HOST, Hub
from hubnode import NodeAgent

NODE = {"node": "vps-01", "hostname": "vps-01.example.com", "address": "203.0.113.7", "provider": "infomaniak"}


def run(hub: Hub, request: object, **environ: str) -> tuple[int, dict[str, Any], str]:
    """Run the program as the image has it; return the exit code, the answer, and what it wrote besides."""
    url = hub.database.url
    known = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(rig.ROOT / part) for part in ("collections", "stacks/dashboard/app")),
        "HUB_HOST": HOST,
        "DATABASE_HOST": str(url.host),
        "DATABASE_PORT": str(url.port),
        "DATABASE_NAME": str(url.database),
        "DATABASE_USERNAME": str(url.username),
        "DATABASE_PASSWORD": str(url.password),
    }
    done = subprocess.run(
        [sys.executable, "-m", "hub.admin"],
        input=request if isinstance(request, str) else json.dumps(request),
        env={**known, **environ},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


def test_a_node_goes_through_its_life(hub: Hub) -> None:
    code, made, said = run(hub, {"do": "register", **NODE})
    assert (code, made["changed"], said) == (0, True, "")
    agent = NodeAgent("vps-01", made["token"], clock=hub.clock)
    hub.clock.forward(60)
    agent.accepted(hub.client)
    code, refused, _said = run(hub, {"do": "register", **NODE})
    assert (code, refused["error"]["code"], refused["error"]["field"]) == (3, "exists", "node")
    code, rotated, _said = run(hub, {"do": "rotate", "node": "vps-01"})
    agent.token = rotated["token"]
    hub.clock.forward(60)
    agent.accepted(hub.client)
    _code, shown, _said = run(hub, {"do": "show"})
    [node] = shown["nodes"]
    assert [entry["valid"] for entry in node["tokens"]] == [False, True]
    assert made["token"] not in json.dumps(shown)
    assert run(hub, {"do": "revoke", "node": "vps-01"})[:2] == (0, {"changed": True})
    assert agent.send(hub.client).status_code == 401
    assert run(hub, {"do": "remove", "node": "vps-01"})[1]["changed"] is True
    assert run(hub, {"do": "remove", "node": "vps-01"})[:2] == (0, {"changed": False, "removed": {}})
    assert run(hub, {"do": "show", "node": "vps-01"})[1]["error"]["code"] == "unknown"


def test_a_token_that_the_caller_made_stays_with_the_caller(hub: Hub) -> None:
    for request in ({"do": "register", **NODE}, {"do": "rotate", "node": "vps-01"}):
        token = made_token("vps-01", randomness=os.urandom(32))
        code, said, _error = run(hub, {**request, "token_hash": token_hash(token)})
        assert (code, said) == (0, {"changed": True})
        hub.clock.forward(60)
        agent = NodeAgent("vps-01", token, clock=hub.clock)
        agent.machine = "ab" * 16
        agent.accepted(hub.client)


def test_a_check_says_what_would_happen_and_changes_nothing(hub: Hub) -> None:
    registration = {"do": "register", **NODE}
    empty = hub.database.contents()
    assert run(hub, {**registration, "check": True})[:2] == (0, {"changed": True})
    assert hub.database.contents() == empty
    run(hub, registration)
    before = hub.database.contents()
    code, refused, _said = run(hub, {**registration, "check": True})
    assert (code, refused["error"]["code"]) == (3, "exists")
    assert run(hub, {"do": "rotate", "node": "vps-01", "check": True})[:2] == (0, {"changed": True})
    assert run(hub, {"do": "revoke", "node": "vps-01", "check": True})[:2] == (0, {"changed": True})
    assert run(hub, {"do": "remove", "node": "vps-01", "check": True})[1]["changed"] is True
    assert run(hub, {"do": "remove", "node": "vps-02", "check": True})[1]["changed"] is False
    assert hub.database.contents() == before


BAD: dict[str, tuple[str, int, str]] = {
    "nothing": ("", 2, "request"),
    "a list": ("[]", 2, ""),
    "no operation": ('{"node": "vps-01"}', 2, "do"),
    "another operation": ('{"do": "drop", "node": "vps-01"}', 3, "do"),
    "a field too much": ('{"do": "show", "token": "x"}', 2, "token"),
    "a hash that is none": ('{"do": "rotate", "node": "vps-01", "token_hash": "x"}', 2, "token_hash"),
    "no node": ('{"do": "rotate"}', 3, "node"),
    "no address": ('{"do": "register", "node": "vps-01", "hostname": "a"}', 3, "address"),
    "a name that is none": ('{"do": "rotate", "node": "../x"}', 2, "node"),
    "a check that is no truth": ('{"do": "revoke", "node": "vps-01", "check": "yes"}', 2, "check"),
    "a number": ('{"do": "rotate", "node": 7}', 2, "node"),
    "a space in an address": ('{"do": "register", "node": "vps-01", "hostname": "a", "address": "a b"}', 2, "address"),
    "an unknown node": ('{"do": "revoke", "node": "vps-99"}', 3, "node"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_request_with_a_mistake_changes_nothing(hub: Hub, name: str) -> None:
    text, code, field = BAD[name]
    before = hub.database.contents()
    found, said = answer(hub.database.engine, text)
    assert found == code
    assert said["error"]["field"] == field
    assert said["error"]["message"]
    assert hub.database.contents() == before


def test_without_a_database_the_answer_says_so(hub: Hub) -> None:
    code, said, _error = run(hub, {"do": "show"}, DATABASE_PORT="1")
    assert (code, said["error"]["code"]) == (4, "database")
