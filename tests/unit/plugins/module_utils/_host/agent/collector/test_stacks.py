"""The stacks of a host as a beat shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector.stacks import stack_rows
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.kept import Kept
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_reading import ReadingEngine

from dockersocket import docker_socket, inspection
from stackhost import StackHost


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    host = StackHost(tmp_path)
    host.write(APP_DOMAIN="app.example.com")
    return host


def rows(host: StackHost, *containers: dict[str, Any], kept: Kept | None = None) -> list[Any]:
    socket = host.folder().parents[2] / "docker.sock"
    with docker_socket(socket, list(containers)):
        engine = ReadingEngine(path=str(socket))
        return stack_rows(engine, engine.inspections(), host.paths, kept or Kept(None, now=0.0))


def container(host: StackHost, **more: Any) -> dict[str, Any]:
    labels = {
        "com.docker.compose.project": "acme-app",
        "com.docker.compose.service": "web",
        "com.docker.compose.project.working_dir": str(host.folder()),
    }
    return inspection(1, "app-web", labels=labels, **more)


def test_a_healthy_stack(host: StackHost) -> None:
    row = rows(host, container(host))[0]
    assert (row["id"], row["tenant"], row["state"], row["problems"]) == ("acme/app", "acme", "healthy", [])
    assert row["services"] == [{"name": "web", "state": "running", "health": None}]


def test_a_stack_that_is_down(host: StackHost) -> None:
    assert rows(host)[0]["state"] == "down"


def test_a_stack_whose_files_are_damaged_has_its_problem(host: StackHost) -> None:
    (host.paths.stack_state("acme", "app") / "stack.yml").write_text("schema: [", encoding="ascii")
    row = rows(host, container(host))[0]
    assert row["state"] == "unhealthy"
    assert len(row["problems"]) == 1


def test_a_stack_of_an_earlier_release_does_not_start_compose(host: StackHost) -> None:
    place = host.paths.stack_state("acme", "app") / "version.json"
    import json

    data = json.loads(place.read_text(encoding="utf-8"))
    for name in ("said", "judged"):
        data.pop(name, None)
    place.write_text(json.dumps(data), encoding="utf-8")
    row = rows(host, container(host))[0]
    assert "earlier release" in row["problems"][0]
