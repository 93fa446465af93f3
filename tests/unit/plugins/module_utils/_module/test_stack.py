"""The options of the module stack as a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.removal import Volume
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.source import Source
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.down import StackDownRequest, StackStopRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.execute import StackExecRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.finish import StackVerifyRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.received import Archive
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.rolling import run
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._module import stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.stack import (
    archive_of,
    down_request,
    exec_request,
    needed,
    stop_request,
    up_request,
    verify_request,
)

PARAMS: dict[str, Any] = {
    "name": "app",
    "tenant": "acme",
    "archive_sha256": "00",
    "archive": None,
    "env": {"A": "1"},
    "origin": {"kind": "named", "place": "/x", "typed": True},
    "also": ["the collection"],
    "own": False,
    "env_typed": ["A"],
    "pull": True,
    "build": True,
    "allow": ["device"],
    "rotate": ["KEY"],
    "foresee": True,
    "dns_check": False,
    "password": True,
    "proven": None,
    "started": True,
    "complaint": None,
    "failure": '"no"',
    "restored": False,
    "removed": False,
    "details": '["a"]',
    "command": '["ls", "-l"]',
    "stdin": '""',
    "remove_sites": True,
    "remove_volumes": True,
    "typed": "app",
    "volumes": [{"name": "acme-app_data", "size": 5}],
}


def test_a_request() -> None:
    run = RunContext("id", Actor("ana"), "stack.up")
    assert up_request(PARAMS, {"compose.yml": "x"}, run) == StackUpRequest(
        "app",
        {"compose.yml": "x"},
        {"A": "1"},
        tenant="acme",
        source=Source("named", "/x", typed=True),
        also=("the collection",),
        own=False,
        typed=("A",),
        pull=True,
        build=True,
        allow=("device",),
        rotate=("KEY",),
        password=True,
        run=run,
    )


def test_the_archive() -> None:
    assert archive_of(PARAMS) == Archive("00")
    assert archive_of({**PARAMS, "archive": "/a"}) == Archive("00", "/a")
    assert needed().data == {"archive_needed": True}


def test_the_words_of_compose() -> None:
    assert verify_request(PARAMS) == StackVerifyRequest(
        "app", tenant="acme", started=True, failure="no", details=("a",)
    )
    quiet = {**PARAMS, "failure": None, "details": None, "complaint": '"hm"', "removed": True}
    assert verify_request(quiet) == StackVerifyRequest("app", tenant="acme", started=True, complaint="hm", removed=True)
    assert down_request(PARAMS) == StackDownRequest(
        "app", removed=True, failure="no", tenant="acme", volumes=(Volume("acme-app_data", size=5),)
    )


def test_a_command() -> None:
    expected = StackExecRequest("app", ("ls", "-l"), tenant="acme", service="web", stdin="")
    assert exec_request({**PARAMS, "service": "web"}) == expected
    assert exec_request({**PARAMS, "service": None, "stdin": None, "command": None}) == StackExecRequest(
        "app", (), tenant="acme"
    )


def test_how_a_stack_is_stopped() -> None:
    assert stop_request(PARAMS) == StackStopRequest("app", tenant="acme", sites=True, volumes=True, typed="app")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("leaving", "leave_networks app acme"),
        ("restored", "restore app acme"),
        ("found", "find_folder app acme web"),
        ("stopping", "begin_down StackStopRequest"),
        ("stopped", "report_down StackDownRequest"),
        ("opened", "forget_closed app acme"),
        ("executed", "execute StackExecRequest"),
        ("verified", "verify StackVerifyRequest"),
        ("present", "prepare StackUpRequest"),
    ],
)
def test_each_state_has_its_verb(monkeypatch: pytest.MonkeyPatch, state: str, expected: str) -> None:
    def noting(name: str) -> Callable[..., Result]:
        def call(first: object, **more: object) -> Result:
            words = [first if isinstance(first, str) else first.__class__.__name__]
            words += [str(more[key]) for key in ("tenant", "service") if key in more]
            return Result(data={"called": " ".join([name, *words])})

        return call

    for room, name in (
        (stack.finish, "leave_networks"),
        (stack.finish, "restore"),
        (stack.finish, "verify"),
        (stack.finish, "forget_closed"),
        (stack.execute, "execute"),
        (stack.down, "find_folder"),
        (stack.down, "begin_down"),
        (stack.down, "report_down"),
        (stack.up, "prepare"),
    ):
        monkeypatch.setattr(room, name, noting(name))
    monkeypatch.setattr(stack.received, "files_of", lambda *_archive, **_more: {})
    context = RunContext("id", Actor("ana"), "stack.up")
    params = {**PARAMS, "state": state, "service": "web", "kept": False}
    assert stack.act(params, run=context, check=True, diff=False).data["called"] == expected


def test_to_roll_the_module_has_the_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[run.RollRequest] = []
    monkeypatch.setattr(run, "roll", lambda request: asked.append(request) or Result())
    context = RunContext("id", Actor("ana"), "stack.up")
    params = {**PARAMS, "state": "rolled", "templates": {"site.conf.j2": "x"}}
    stack.act(params, run=context, check=False, diff=False)
    assert asked == [run.RollRequest("app", context, {"site.conf.j2": "x"}, tenant="acme")]


def test_the_files_that_the_host_kept_need_no_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[StackUpRequest] = []
    monkeypatch.setattr(stack.received, "kept_files", lambda *_name, **_more: ({"compose.yml": "x"}, "beta", True))
    monkeypatch.setattr(stack.up, "prepare", lambda request, **_more: asked.append(request) or Result())
    context = RunContext("id", Actor("ana"), "stack.set")
    stack.act({**PARAMS, "state": "present", "kept": True}, run=context, check=False, diff=False)
    assert [(request.files, request.tenant, request.own) for request in asked] == [({"compose.yml": "x"}, "beta", True)]


def test_the_archive_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack.received, "files_of", lambda *_archive, **_more: None)
    context = RunContext("id", Actor("ana"), "stack.up")
    asked = stack.act({**PARAMS, "state": "present", "kept": False}, run=context, check=False, diff=False)
    assert asked.data == {"archive_needed": True}


@pytest.mark.parametrize("wanted", [True, False])
def test_sites_are_looked_over_before_the_start_if_the_role_wants_it(
    monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    """`stack restore` starts the containers although the names do not lead here yet."""
    called: dict[str, Any] = {}
    monkeypatch.setattr(stack.received, "files_of", lambda *_given, **_more: {"compose.yml": "x"})
    monkeypatch.setattr(stack.up, "prepare", lambda _request, **more: called.update(more) or Result())
    stack.act({**PARAMS, "state": "present", "kept": False, "foresee": wanted}, run=None, check=True, diff=False)  # type: ignore[arg-type]
    assert (called["foresee"] is not None) is wanted
    if wanted:
        assert called["foresee"].keywords == {"strict": False, "write": False}
