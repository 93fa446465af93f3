"""Removing the containers: where Compose works, and what is reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.down import (
    StackDownRequest,
    find_folder,
    report_down,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare

from stackhost import StackHost


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    host = StackHost(tmp_path)
    request = StackUpRequest("app", host.files, {"APP_DOMAIN": "app.example.com"})
    prepare(request, check=False, diff=False, paths=host.paths, engine=host.engine)
    return host


def test_the_folder_of_a_stack(host: StackHost) -> None:
    result = find_folder("app", paths=host.paths)
    assert not result.changed
    assert result.data == {"stack": "app", "folder": str(host.folder())}


@pytest.mark.parametrize(
    ("name", "message"), [("other", "this host has no such stack"), ("../app", "this is not a stack's name")]
)
def test_a_stack_that_is_not_here(host: StackHost, name: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        find_folder(name, paths=host.paths)


def test_the_other_stacks_are_named(host: StackHost) -> None:
    with pytest.raises(RefusedError) as refused:
        find_folder("other", paths=host.paths)
    assert refused.value.there_are == ["app"]
    assert refused.value.hint == Hint("stack.up", {"name": "other"})


@pytest.mark.parametrize(
    ("removed", "check", "state", "text"),
    [
        (True, False, "changed", "its containers are removed, its data stays"),
        (True, True, "would_change", "its containers would be removed, its data stays"),
        (False, False, "ok", "it did not run"),
        (False, True, "ok", "it did not run"),
    ],
)
def test_what_is_reported(host: StackHost, removed: bool, check: bool, state: str, text: str) -> None:
    result = report_down(StackDownRequest("app", removed=removed), check=check, paths=host.paths)
    assert result.changed is removed
    assert [(step.name, step.state, step.text) for step in result.steps] == [("stack", state, text)]
