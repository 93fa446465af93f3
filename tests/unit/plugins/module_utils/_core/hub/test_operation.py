# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent to the hub's program, and what its answers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hub.operation import NodeRequest, answer_of, request_of

HASH = "ab" * 32
NODE = {"node": "vps-01", "hostname": "vps-01.example.com", "address": "203.0.113.7", "token_hash": HASH}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (NodeRequest("registered", **NODE), {"do": "register", **NODE}),
        (
            NodeRequest("registered", **{**NODE, "provider": "infomaniak", "address": "2001:DB8::0:7"}),
            {"do": "register", **NODE, "provider": "infomaniak", "address": "2001:db8::7"},
        ),
        (
            NodeRequest("registered", **{**NODE, "hostname": "203.0.113.7"}),
            {"do": "register", **NODE, "hostname": "203.0.113.7"},
        ),
        (NodeRequest("rotated", "vps-01", token_hash=HASH), {"do": "rotate", "node": "vps-01", "token_hash": HASH}),
        (NodeRequest("revoked", "vps-01"), {"do": "revoke", "node": "vps-01"}),
        (NodeRequest("removed", "vps-01"), {"do": "remove", "node": "vps-01"}),
        (NodeRequest("shown", "vps-01"), {"do": "show", "node": "vps-01"}),
        (NodeRequest("shown"), {"do": "show"}),
    ],
)
def test_what_is_asked(asked: NodeRequest, said: dict[str, Any]) -> None:
    assert json.loads(request_of(asked)) == said


def test_a_check_is_said() -> None:
    said = json.loads(request_of(NodeRequest("removed", "vps-01"), check=True))
    assert said == {"do": "remove", "check": True, "node": "vps-01"}


@pytest.mark.parametrize("provider", ["a", "rack_7_", "a" * 40])
def test_a_provider_of_the_inventory_is_one_of_the_hub(provider: str) -> None:
    asked = NodeRequest("registered", **{**NODE, "provider": provider})
    assert json.loads(request_of(asked))["provider"] == provider


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (NodeRequest("removed"), "node"),
        (NodeRequest("removed", "../x"), "node"),
        (NodeRequest("registered", **{**NODE, "hostname": ""}), "hostname"),
        (NodeRequest("registered", **{**NODE, "hostname": "a b"}), "hostname"),
        (NodeRequest("registered", **{**NODE, "hostname": "a..b"}), "hostname"),
        (NodeRequest("registered", "vps-01", "a.example.com", token_hash=HASH), "address"),
        (NodeRequest("registered", **{**NODE, "address": "vps-01.example.com"}), "address"),
        (NodeRequest("registered", **{**NODE, "provider": "Info maniak"}), "provider"),
        (NodeRequest("registered", **{**NODE, "token_hash": ""}), "token_hash"),
        (NodeRequest("rotated", "vps-01"), "token_hash"),
        (NodeRequest("rotated", "vps-01", token_hash="vsa1.vps-01.x"), "token_hash"),
    ],
)
def test_a_value_of_another_form_is_refused(asked: NodeRequest, field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        request_of(asked)
    assert caught.value.field == field


def test_an_answer_is_its_values() -> None:
    assert answer_of(0, '{"changed": true}', NodeRequest("removed", "vps-01")) == {"changed": True}


def refusal(code: str, **more: str) -> str:
    return json.dumps({"error": {"code": code, "message": "no", "field": "node", "value": None, **more}})


@pytest.mark.parametrize("code", ["exists", "address", "unknown", "request"])
def test_a_refusal_of_the_hub_is_one_of_ours(code: str) -> None:
    with pytest.raises(RefusedError, match="the hub refused: no") as caught:
        answer_of(3, refusal(code), NodeRequest("removed", "vps-01"))
    assert (caught.value.field, caught.value.value) == ("node", "vps-01")
    assert bool(caught.value.expected) == (code == "exists")


@pytest.mark.parametrize("output", ["", "Traceback", "[]", "{}", '{"error": "x"}', refusal("database")])
def test_without_an_answer_nothing_was_done(output: str) -> None:
    with pytest.raises(RolledBackError) as caught:
        answer_of(1, output, NodeRequest("removed", "vps-01"))
    assert caught.value.state == "the hub is as before"
