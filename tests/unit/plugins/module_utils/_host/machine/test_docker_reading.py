"""The engine as the agent's collector reads it: by GET over its socket, each question once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_reading import ReadingEngine

from dockersocket import docker_socket, inspection

WEB = inspection(1, "web-1", labels={"com.docker.compose.project": "shop"})
STOPPED = inspection(2, "job", state={"Status": "exited", "ExitCode": 3})


def test_it_answers_as_the_engine_of_the_sdk_does(tmp_path: Path) -> None:
    with docker_socket(tmp_path / "docker.sock", [WEB, STOPPED]) as asked:
        engine = ReadingEngine(path=str(tmp_path / "docker.sock"))
        assert engine.version() == "26.1.5"
        assert [found["Name"] for found in engine.inspections()] == ["/job", "/web-1"]
        found = engine.container("web-1")
        assert found is not None
        assert "Env" not in str(engine.inspections())
        assert (found.name, found.image, found.restarts) == ("web-1", "web:1", 2)
        assert engine.container("web") is None
        assert engine.overview()["job"].status == "exited"
        assert [each.name for each in engine.containers(labels={"com.docker.compose.project": "shop"})] == ["web-1"]
        assert engine.swarm() == {"LocalNodeState": "inactive", "NodeID": ""}
        assert len(asked) == len(set(asked)) == 5
        engine.close()


def test_a_container_that_is_gone_meanwhile_is_left_out(tmp_path: Path) -> None:
    gone = {f"/v1.45/containers/{WEB['Id']}/json": (404, b"{}")}
    with docker_socket(tmp_path / "docker.sock", [WEB, STOPPED], answers=gone):
        engine = ReadingEngine(path=str(tmp_path / "docker.sock"))
        assert [found["Name"] for found in engine.inspections()] == ["/job"]


@pytest.mark.parametrize(
    ("status", "content"), [(500, b'{"message": "boom"}'), (200, b"<html>"), (500, b"[]"), (200, b"{}"), (200, b"[3]")]
)
def test_an_engine_that_answers_nonsense(tmp_path: Path, status: int, content: bytes) -> None:
    answers = {"/v1.45/containers/json?all=1": (status, content)}
    with docker_socket(tmp_path / "docker.sock", [WEB], answers=answers):
        engine = ReadingEngine(path=str(tmp_path / "docker.sock"))
        with pytest.raises(RefusedError, match="does not answer"):
            engine.inspections()


def test_no_engine(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="does not answer"):
        ReadingEngine(path=str(tmp_path / "none"))


def test_an_engine_that_hangs(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "docker.sock"))
        listener.listen()
        with pytest.raises(RefusedError, match="does not answer") as refused:
            ReadingEngine(path=str(tmp_path / "docker.sock"), seconds=0.2)
    assert "timed out" in json.dumps(refused.value.as_result())
