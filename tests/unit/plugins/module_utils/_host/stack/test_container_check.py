"""Stacks that should run, and do not: `vsa status` names them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Advice, Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.container_check import stack_findings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.folder import find_stack

from stackhost import StackHost, make_container


@pytest.fixture
def host(tmp_path: Any) -> StackHost:
    host = StackHost(tmp_path)
    host.write(APP_DOMAIN="app.example.com")
    return host


def web(**more: Any) -> Container:
    return make_container("app", "web", project="acme-app", **more)


def found(host: StackHost, *containers: Container) -> list[tuple[str, str]]:
    host.engine.running = list(containers)
    findings = stack_findings(host.paths, host.engine.containers())
    assert {finding.subject for finding in findings} <= {"acme/app"}
    return [(finding.name, finding.text) for finding in findings]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, None),
        ({"health": None}, None),
        ({"health": "starting"}, None),
        ({"health": "unhealthy"}, "app-web is unhealthy"),
        ({"status": "exited", "exit_code": 137}, "app-web is exited, exit code 137"),
        ({"status": "exited", "exit_code": 0, "restart": "always"}, "app-web is exited"),
        ({"status": "exited", "exit_code": 0, "restart": "no"}, None),
        ({"status": "exited", "exit_code": 1, "restart": "no"}, "app-web is exited, exit code 1"),
        ({"status": "restarting"}, "app-web is restarting"),
        ({"status": "paused"}, "app-web is paused"),
        ({"status": "created"}, "app-web is created"),
    ],
)
def test_a_container(host: StackHost, more: dict[str, Any], text: str | None) -> None:
    folder, _stack = find_stack(host.paths, "app")
    folder.remember_good()
    assert found(host, web(**more)) == ([("stack-unhealthy", text)] if text else [])


def test_all_that_is_wrong_is_one_finding_with_the_way_to_the_logs(host: StackHost) -> None:
    find_stack(host.paths, "app")[0].remember_good()
    db = make_container("app", "db", project="acme-app", status="exited", exit_code=1)
    assert found(host, web(health="unhealthy"), db) == [
        ("stack-unhealthy", "app-web is unhealthy, app-db is exited, exit code 1")
    ]
    (finding,) = stack_findings(host.paths, host.engine.containers())
    assert finding.remedy == Advice("", Hint("stack.logs", {"name": "app", "tenant": "acme"}))


def test_a_stack_without_a_container(host: StackHost) -> None:
    assert found(host) == [], "it never was healthy, and its `stack up` said so"
    folder, _stack = find_stack(host.paths, "app")
    folder.remember_good()
    assert found(host) == [("stack-down", "it should run, and has no container")]
    host.engine.folders = {"other": "/srv/acme/other"}
    assert found(host, make_container("other", "web")) == [("stack-down", "it should run, and has no container")]
    folder.note_down(True)
    assert found(host) == [], "an operator took it down"
    folder.note_down(False)
    (host.paths.stack_state("acme", "app") / "stack.yml").write_text("schema: 2\n", encoding="utf-8")
    assert found(host) == [], "another check names what cannot be read"


def test_a_container_that_only_says_that_it_is_one_of_the_project(host: StackHost) -> None:
    find_stack(host.paths, "app")[0].remember_good()
    host.engine.folders = {"foreign": "/srv/beta/app"}
    foreign = make_container("app", "web", project="foreign", health="unhealthy")
    assert found(host, web(), foreign) == []
