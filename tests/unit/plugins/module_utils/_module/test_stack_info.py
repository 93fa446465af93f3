"""The options of the module stack_info as a request."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import follow
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.follow import StackFollowRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.listing import StackListRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._module import stack_info
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.stack_info import read_stacks

PARAMS: dict[str, Any] = {
    "name": "app",
    "tenant": "acme",
    "tail": 5,
    "service": "web",
    "since": "2h",
    "usage": True,
    "follow": 0,
    "cursor": "",
}


def test_the_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[StackListRequest] = []
    monkeypatch.setattr(stack_info, "list_stacks", lambda request: asked.append(request) or Result())
    read_stacks(PARAMS)
    assert asked == [StackListRequest("app", "acme", 5, "web", "2h", usage=True)]


def test_a_slice_of_the_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[StackFollowRequest] = []
    monkeypatch.setattr(follow, "follow_logs", lambda request: asked.append(request) or Result())
    read_stacks({**PARAMS, "follow": 15, "cursor": "{}"})
    assert asked == [StackFollowRequest("app", 15, "{}", "acme", "web", 5, "2h")]
    with pytest.raises(RefusedError, match="of one stack"):
        read_stacks({**PARAMS, "follow": 15, "name": None})
