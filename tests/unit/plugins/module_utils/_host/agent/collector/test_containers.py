"""The containers of a host as a beat shows them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.beat import OK, Reading, section_of
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector.containers import (
    container_rows,
    inspected,
    usage_rows,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_reading import ReadingEngine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from dockersocket import SECRETS, docker_socket, inspection

STACK = {
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "web",
    "com.docker.compose.project.working_dir": "/srv/acme/shop",
}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    folder = tmp_path / "var/lib/vsa/stacks/acme/shop"
    folder.mkdir(parents=True)
    (folder / "stack.json").write_text("{}", encoding="ascii")
    return Paths(str(tmp_path))


def test_no_secret_of_a_container_gets_into_a_section(paths: Paths) -> None:
    rows = container_rows([inspection(1, "web-1", labels=STACK)], paths)
    section = section_of("containers", Reading(OK, "2026-11-30T09:00:00Z", rows))
    for secret in SECRETS:
        assert secret not in json.dumps([rows, section])


def test_what_a_row_says(paths: Paths) -> None:
    row = container_rows([inspection(1, "web-1", labels=STACK)], paths)[0]
    assert row == {
        "id": f"{1:064x}",
        "name": "web-1",
        "image": "web:1",
        "state": "running",
        "health": None,
        "exit_code": None,
        "restarts": 2,
        "created_at": "2026-11-29T09:00:00.123456789Z",
        "started_at": "2026-11-30T09:00:00.123456789Z",
        "finished_at": None,
        "memory_limit_bytes": 268435456,
        "cpus_limit": 1.5,
        "stack": "shop",
        "service": "web",
        "tenant": "acme",
        "networks": ["flowbiz_ext"],
        "published": ["127.0.0.1:8080->80/tcp"],
    }


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({**STACK, "com.docker.compose.service": "password: hunter2"}, None),
        ({**STACK, "com.docker.compose.project.working_dir": "/srv/acme/other"}, None),
        ({"com.docker.compose.service": "secret"}, None),
        (STACK, "web"),
    ],
)
def test_a_label_is_shown_only_if_it_names_a_service_of_a_stack(
    paths: Paths, labels: dict[str, str], service: str | None
) -> None:
    assert container_rows([inspection(1, "web-1", labels=labels)], paths)[0]["service"] == service


@pytest.mark.parametrize(
    ("more", "field", "value"),
    [
        ({"state": {"Status": "exited", "ExitCode": 137}}, "exit_code", 137),
        ({"state": {"Health": {"Status": "unhealthy", "Log": [{"Output": "secret"}]}}}, "health", "unhealthy"),
        ({"host": {"NanoCpus": 0, "CpuQuota": 50000, "CpuPeriod": 100000}}, "cpus_limit", 0.5),
        ({"host": {"NanoCpus": 0, "CpuQuota": -1}}, "cpus_limit", None),
        ({"host": {"Memory": 0}}, "memory_limit_bytes", None),
    ],
)
def test_special_values(paths: Paths, more: dict[str, Any], field: str, value: object) -> None:
    assert container_rows([inspection(1, "web-1", **more)], paths)[0][field] == value


def test_usage_is_of_running_containers(tmp_path: Path) -> None:
    running = inspection(1, "web-1", state={"Pid": os.getpid()})
    with docker_socket(tmp_path / "docker.sock", [running, inspection(2, "job")]):
        found = inspected(ReadingEngine(path=str(tmp_path / "docker.sock")))
    rows = usage_rows(found)
    assert [row["id"] for row in rows] == [running["Id"]]
    assert set(rows[0]) == {"id", "memory_bytes", "cpu_seconds"}
