"""What is read from the engine's own description of containers, recorded by transcripts/record.sh."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.visitor import ContainerState
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import docker
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import (
    Container,
    Endpoint,
    Engine,
    ExecResult,
)
from docker import errors as docker_errors

TRANSCRIPTS = Path(__file__).parent / "transcripts"
VERSIONS = ["20.10.24", "26.1.5"]
NONE6 = ""


@dataclass(frozen=True)
class Said:
    """What is the same for every version: state and mode."""

    status: str
    health: str | None = None
    runs: bool = False


SAID = {
    "vsa-record-running": Said("running", "healthy", runs=True),
    "vsa-record-exited": Said("exited"),
    "vsa-record-created": Said("created"),
    "vsa-record-host": Said("running", runs=True),
    "vsa-record-shared": Said("running", runs=True),
}
# Docker 20.10 repeats the short id among the aliases; an address is there only while the container runs.
NETWORKS = {
    "20.10.24": {
        "vsa-record-running": {
            "vsa-record-ext": Endpoint("172.22.0.2", NONE6, ("web", "4f1540122a5c")),
            "vsa-record-other": Endpoint("172.23.0.2", NONE6, ("other-name", "4f1540122a5c")),
        },
        "vsa-record-exited": {"vsa-record-ext": Endpoint("", NONE6, ("773992ec459d",))},
        "vsa-record-created": {"bridge": Endpoint("", NONE6)},
        "vsa-record-host": {"host": Endpoint("", NONE6)},
        "vsa-record-shared": {},
    },
    "26.1.5": {
        "vsa-record-running": {
            "vsa-record-ext": Endpoint("172.18.0.2", NONE6, ("web",)),
            "vsa-record-other": Endpoint("172.19.0.2", NONE6, ("other-name",)),
        },
        "vsa-record-exited": {"vsa-record-ext": Endpoint("", NONE6)},
        "vsa-record-created": {"bridge": Endpoint("", NONE6)},
        "vsa-record-host": {"host": Endpoint("", NONE6)},
        "vsa-record-shared": {},
    },
}


def read(version: str) -> dict[str, Container]:
    """Return the containers that a version described, by name."""
    described = json.loads((TRANSCRIPTS / f"docker-{version}.json").read_text(encoding="utf-8"))
    found = [docker._container(entry) for entry in described]
    return {container.name: container for container in found}


def test_every_transcript_is_read() -> None:
    assert sorted(path.name for path in TRANSCRIPTS.glob("*.json")) == [
        f"docker-{version}.json" for version in VERSIONS
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_state(version: str) -> None:
    for name, container in read(version).items():
        said = SAID[name]
        assert (container.status, container.health, container.running) == (said.status, said.health, said.runs)
        assert (container.pid > 0) is said.runs
        assert len(container.id) == 64
        assert container.image == "vsa-demo-web:1"
        assert container.image_id.startswith("sha256:")
        assert container.labels["vsa.rig"] == "1"


@pytest.mark.parametrize("version", VERSIONS)
def test_networks(version: str) -> None:
    found = read(version)
    assert {name: container.networks for name, container in found.items()} == NETWORKS[version]
    modes = {name: container.network_mode.partition(":")[0] for name, container in found.items()}
    assert modes.pop("vsa-record-created") in ("default", "bridge")
    assert modes == {
        "vsa-record-running": "vsa-record-ext",
        "vsa-record-exited": "vsa-record-ext",
        "vsa-record-host": "host",
        "vsa-record-shared": "container",
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_published_ports(version: str) -> None:
    found = read(version)
    ports = {(it.host, it.host_port, it.port, it.protocol) for it in found["vsa-record-running"].published}
    assert ports == {
        ("127.0.0.1", 18765, 3000, "tcp"),
        ("0.0.0.0", 18766, 5353, "udp"),
        ("::", 18766, 5353, "udp"),
    }
    assert {container.published for name, container in found.items() if name != "vsa-record-running"} == {()}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"State": "running", "Status": "Up 2 hours (healthy)"}, ContainerState("running")),
        ({"State": "running", "Status": "Up 3 seconds (health: starting)"}, ContainerState("running")),
        ({"State": "running", "Status": "Up 2 hours (unhealthy)"}, ContainerState("running", unhealthy=True)),
        ({"State": "running", "Status": "Up 2 hours"}, ContainerState("running", checked=False)),
        ({"State": "exited", "Status": "Exited (0) 2 hours ago"}, ContainerState("exited")),
        (
            {
                "State": "exited",
                "NetworkSettings": {"Networks": {"flowbiz_ext": {}}},
                "Ports": [
                    {"PrivatePort": 3000, "Type": "tcp"},
                    {"IP": "0.0.0.0", "PrivatePort": 3000, "PublicPort": 8080, "Type": "tcp"},
                    {"IP": "::", "PrivatePort": 3000, "PublicPort": 8080, "Type": "tcp"},
                    {"IP": "127.0.0.1", "PrivatePort": 3000, "PublicPort": 8081, "Type": "tcp"},
                ],
            },
            ContainerState("exited", networks=frozenset({"flowbiz_ext"}), open_ports=(8080,)),
        ),
    ],
)
def test_a_listed_container(entry: dict[str, Any], expected: ContainerState) -> None:
    assert docker._state(entry) == expected


@pytest.mark.parametrize(
    ("result", "output"),
    [
        (ExecResult(0, "", ""), ""),
        (ExecResult(1, "out\n", ""), "out"),
        (ExecResult(1, "", "err\n"), "err"),
        (ExecResult(1, "out\n", "err\n"), "out\nerr"),
    ],
)
def test_output(result: ExecResult, output: str) -> None:
    assert result.output == output


def test_an_engine_that_does_not_answer_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="does not answer") as caught:
        Engine(base_url=f"unix://{tmp_path}/nobody.sock")
    assert caught.value.hint == Hint("bootstrap")


class _Stats:
    """The engine's API as far as it tells the memory of a container."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def stats(self, name: str, *, stream: bool, one_shot: bool) -> object:
        assert (name, stream, one_shot) == ("web", False, True)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "memory"),
    [
        ({"memory_stats": {"usage": 100, "stats": {"inactive_file": 30}}}, 70),
        ({"memory_stats": {"usage": 100, "stats": {"total_inactive_file": 40}}}, 60),
        ({"memory_stats": {"usage": 100}}, 100),
        ({"memory_stats": {}}, None),
        ({}, None),
        (TypeError("no one_shot"), None),
    ],
)
def test_the_memory_of_a_container_is_without_the_page_cache(answer: object, memory: int | None) -> None:
    engine = Engine.__new__(Engine)
    engine._api = _Stats(answer)  # type: ignore[assignment]
    engine._errors = docker_errors  # type: ignore[assignment]
    assert engine.memory("web") == memory


def test_the_last_words_of_a_health_check_are_escaped() -> None:
    attrs = {
        "Id": "1",
        "Name": "/web",
        "Image": "sha256:1",
        "Config": {"Image": "a:1"},
        "State": {"Health": {"Status": "unhealthy", "Log": [{"Output": "old"}, {"Output": "new\x1b[2J\r\nline"}]}},
    }
    assert Engine.as_container(attrs).probe == "new\\x1b[2J\nline"


class _Exec:
    """The engine's API as far as it runs commands in containers. ``pids`` are those of the commands, 0 if none ran."""

    timeout = 60

    def __init__(self, *pids: int) -> None:
        self.pids = list(pids)

    def exec_create(self, name: str, argv: list[str], **_more: object) -> dict[str, str]:
        assert (name, argv) == ("web", ["nginx", "-t"])
        return {"Id": "1"}

    def exec_start(self, _identity: str, *, demux: bool) -> tuple[bytes | None, bytes | None]:
        assert demux
        return (None, b"said by it") if self.pids[0] else (b"OCI runtime exec failed: reset by peer\r\n", None)

    def exec_inspect(self, _identity: str) -> dict[str, object]:
        pid = self.pids.pop(0)
        return {"Pid": pid, "ExitCode": 1 if pid else 126}


@pytest.mark.parametrize("pids", [(7,), (0, 7)])
def test_a_command_that_the_engine_could_not_start_is_started_again(pids: tuple[int, ...]) -> None:
    engine = Engine.__new__(Engine)
    engine._api = api = _Exec(*pids, 8)  # type: ignore[assignment]
    engine._errors = docker_errors  # type: ignore[assignment]
    assert engine.exec("web", ["nginx", "-t"]) == ExecResult(1, "", "said by it")
    assert api.pids == [8]  # type: ignore[attr-defined]


def test_the_words_of_the_engine_are_no_verdict_of_the_command() -> None:
    engine = Engine.__new__(Engine)
    engine._api = api = _Exec(0, 0, 8)  # type: ignore[assignment]
    engine._errors = docker_errors  # type: ignore[assignment]
    with pytest.raises(RolledBackError, match="Docker would not run nginx in web and says: OCI runtime exec failed"):
        engine.exec("web", ["nginx", "-t"])
    assert api.pids == [8]  # type: ignore[attr-defined]
