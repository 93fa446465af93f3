"""The stacks of a host, their state and their logs."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.listing import StackListRequest, list_stacks

from stackhost import STARTED, StackHost, make_container


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    host = StackHost(tmp_path)
    host.write(APP_DOMAIN="app.example.com")
    host.engine.running = [make_container("app", "web", project="acme-app"), make_container("other", "web")]
    return host


def listed(host: StackHost, **requested: object) -> dict[str, list[dict[str, object]]]:
    request = StackListRequest(**requested)
    return dict(list_stacks(request, paths=host.paths, engine=host.engine).data)


def test_a_stack(host: StackHost) -> None:
    assert listed(host) == {
        "stacks": [
            {
                "name": "app",
                "state": "healthy",
                "problem": None,
                "tenant": "acme",
                "project": "acme-app",
                "description": "An application",
                "folder": str(host.folder()),
                "source": None,
                "proxy": False,
                "containers": [
                    {
                        "name": "app-web",
                        "service": "web",
                        "state": "running",
                        "health": "healthy",
                        "image": "app:1",
                        "started_at": STARTED,
                        "restarts": 0,
                    }
                ],
            }
        ]
    }


@pytest.mark.parametrize(
    ("containers", "state", "problem"),
    [
        ([], "down", "web has no container"),
        ([make_container("app", "web", project="acme-app", status="exited", health=None)], "down", "app-web is exited"),
        ([make_container("app", "web", project="acme-app", health="starting")], "starting", "app-web is starting"),
        ([make_container("app", "web", project="acme-app", health="unhealthy")], "unhealthy", "app-web is unhealthy"),
        ([make_container("app", "web", project="acme-app", health=None)], "healthy", None),
    ],
)
def test_the_state_of_a_stack(host: StackHost, containers: list[Container], state: str, problem: str | None) -> None:
    host.engine.running = containers
    (stack,) = listed(host, name="app")["stacks"]
    assert (stack["state"], stack["problem"]) == (state, problem)


def test_a_folder_that_is_not_valid_is_listed_with_its_problem(host: StackHost) -> None:
    (host.paths.stack_state("acme", "app") / "stack.yml").write_text("schema: 2\n", encoding="utf-8")
    (stack,) = listed(host)["stacks"]
    assert stack["state"] == "unhealthy"
    assert stack["problem"] == "this VSA does not know the schema of stack.yml"
    with pytest.raises(RefusedError):
        listed(host, name="app")


def test_the_logs(host: StackHost) -> None:
    host.engine.log = "one\ntwo\nthree\n"
    logs = listed(host, name="app", tail=2)["logs"]
    assert logs == [{"container": "app-web", "service": "web", "lines": ["two", "three"]}]
    assert listed(host, tail=2, service="web", name="app")["logs"] == logs


def test_logs_of_a_service_that_the_stack_does_not_have(host: StackHost) -> None:
    with pytest.raises(RefusedError) as refused:
        listed(host, name="app", tail=2, service="db")
    assert refused.value.there_are == ["web"]


@pytest.mark.parametrize("tail", [-1, 10_001])
def test_a_number_of_lines_that_is_refused(host: StackHost, tail: int) -> None:
    with pytest.raises(RefusedError, match="this is not a number of lines"):
        listed(host, tail=tail)


def test_the_memory_of_the_containers(host: StackHost) -> None:
    (stack,) = listed(host, usage=True)["stacks"]
    assert [entry["memory"] for entry in stack["containers"]] == [64 << 20]  # type: ignore[attr-defined]


def test_logs_since_a_time(host: StackHost, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(host.engine, "logs", lambda _name, *, tail, since: asked.append((tail, since)) or "")
    listed(host, name="app", tail=5, since="2026-01-01T00:00:00Z")
    listed(host, name="app", tail=5)
    assert asked == [(5, 1767225600.0), (5, None)]
    with pytest.raises(UsageError, match="this is not a time"):
        listed(host, name="app", tail=5, since="soon")


def test_the_stacks_of_one_tenant(host: StackHost) -> None:
    assert [stack["name"] for stack in listed(host, tenant="acme")["stacks"]] == ["app"]
    assert listed(host, tenant="beta")["stacks"] == []
