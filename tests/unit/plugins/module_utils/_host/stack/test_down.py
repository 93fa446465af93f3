"""Removing the containers: where Compose works, and what is reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import down
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.down import (
    StackDownRequest,
    find_folder,
    report_down,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.hooks import Hooks
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare

from stackhost import StackHost, fake_compose, make_container


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    host = StackHost(tmp_path)
    request = StackUpRequest("app", host.files, {"APP_DOMAIN": "app.example.com"}, own=True)
    prepare(request, check=False, diff=False, paths=host.paths, engine=host.engine, compose=fake_compose)
    return host


def test_the_folder_of_a_stack(host: StackHost) -> None:
    host.engine.running = [make_container("app", "web", project="acme-app")]
    result = find_folder("app", paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    assert not result.changed
    state = host.paths.stack_state("acme", "app")
    assert result.data == {
        "stack": "app",
        "tenant": "acme",
        "project": "acme-app",
        "folder": str(host.folder()),
        "compose_files": [str(state / "compose.yml")],
        "env_file": str(state / ".env"),
        "serves": [],
    }


class _Serving(Hooks):
    serves_sites = True


@pytest.mark.parametrize(
    ("service", "hooks", "serves"),
    [
        ("web", Hooks, ["a.example"]),
        ("db", Hooks, []),
        ("db", _Serving, ["a.example", "b.example"]),
        (None, _Serving, []),
    ],
)
def test_finding_15_the_sites_that_go_off_the_air_are_counted(
    host: StackHost, monkeypatch: pytest.MonkeyPatch, service: str | None, hooks: type[Hooks], serves: list[str]
) -> None:
    monkeypatch.setattr(down, "hooks_of", lambda _name: hooks())
    host.engine.running = [make_container("app", service, project="acme-app")] if service else []
    directory = host.paths.generations / "1"
    directory.mkdir(parents=True)
    entry = {"names": [], "network": "flowbiz_ext", "ca": "selfsigned"}
    web = make_container("app", "web", project="acme-app").name
    sites = {"a.example": {**entry, "containers": [web]}, "b.example": {**entry, "containers": ["other"]}}
    text = dict.fromkeys(("time", "audit_id", "actor", "verb", "plan", "inputs", "marker"), "")
    record = {"number": 1, "base": 0, "schema": 1, **text, "files": {}, "sites": sites}
    (directory / "generation.json").write_text(json.dumps(record))
    host.paths.current.symlink_to("generations/1")
    assert find_folder("app", paths=host.paths, engine=host.engine).data["serves"] == serves  # type: ignore[arg-type]


def test_the_containers_of_another_folder_are_not_removed(host: StackHost) -> None:
    host.engine.running = [make_container("app", "web", project="acme-app")]
    host.engine.folder = "/srv/beta/app"
    with pytest.raises(
        RefusedError, match="the containers of the Compose project acme-app are not those of"
    ) as refused:
        find_folder("app", paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    assert refused.value.details == ["their folder is /srv/beta/app"]


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


def test_a_service_that_the_stack_does_not_have(host: StackHost) -> None:
    host.engine.running = [make_container("app", "web", project="acme-app")]
    assert find_folder("app", service="web", paths=host.paths, engine=host.engine).data["stack"] == "app"  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match="no container of this service") as refused:
        find_folder("app", service="db", paths=host.paths, engine=host.engine)  # type: ignore[arg-type]
    assert refused.value.there_are == ["web"]
