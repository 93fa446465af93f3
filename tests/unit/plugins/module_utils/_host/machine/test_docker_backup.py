"""What backups ask the engine for, and how the data of a volume are moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_backup import (
    BackupEngine,
    Isolated,
    Volume,
)


class NotFoundError(Exception):
    """The engine's 404."""


class ApiError(Exception):
    """Every other answer that is no success."""

    explanation = "no such image"


class Errors:
    NotFound = NotFoundError
    APIError = ApiError
    DockerException = ApiError


class Api:
    """The calls of the Docker SDK that backups make, as Docker 26.1 answers them."""

    timeout = 60

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.starts = True
        self.volumes = {"v": {"Name": "v", "Driver": "local", "Mountpoint": "/data/v/_data", "Options": None}}

    def inspect_volume(self, name: str) -> dict[str, Any]:
        if name not in self.volumes:
            raise NotFoundError
        return self.volumes[name]

    def create_volume(self, name: str, **more: Any) -> None:
        self.calls.append(("create_volume", name, more))

    def remove_volume(self, name: str) -> None:
        self.inspect_volume(name)
        self.calls.append(("remove_volume", name))

    def stop(self, identity: str) -> None:
        self.calls.append(("stop", identity))
        if identity == "gone":
            raise NotFoundError

    def start(self, identity: str) -> None:
        self.calls.append(("start", identity))
        if not self.starts:
            raise ApiError

    def remove_container(self, identity: str, **more: Any) -> None:
        self.calls.append(("remove", identity, more))
        raise NotFoundError

    def create_host_config(self, **config: Any) -> dict[str, Any]:
        return config

    def create_container(self, image: str, argv: list[str], **more: Any) -> dict[str, str]:
        self.calls.append(("create", image, argv, more))
        return {"Id": "c1"}

    def wait(self, identity: str, timeout: int) -> dict[str, int]:
        assert timeout > 3600
        return {"StatusCode": 3 if identity == "c1" else 0}

    def logs(self, identity: str, *, stdout: bool, stderr: bool) -> bytes:
        del identity, stderr
        return b"out\xff" if stdout else b"err"


@pytest.fixture
def engine() -> BackupEngine:
    made = BackupEngine.__new__(BackupEngine)
    made._api, made._errors = Api(), Errors  # type: ignore[assignment]
    return made


TASK = Isolated(
    name="vsa-once-x",
    image="restic",
    argv=("restic", "backup"),
    binds=("/a:/a:ro",),
    environment={"HOME": "/tmp"},
    capabilities=("DAC_READ_SEARCH",),
)


def test_a_program_runs_with_as_little_as_possible(engine: BackupEngine) -> None:
    answer = engine.run_isolated(TASK)
    assert (answer.code, answer.stdout, answer.stderr) == (3, "out\N{REPLACEMENT CHARACTER}", "err")
    calls = engine._api.calls  # type: ignore[attr-defined]
    assert [call[:2] for call in calls] == [
        ("remove", "vsa-once-x"), ("create", "restic"), ("start", "c1"), ("remove", "c1"),
    ]  # fmt: skip
    more = calls[1][3]
    config = more["host_config"]
    assert (more["entrypoint"], calls[1][2]) == (["restic"], ["backup"])
    assert more["labels"] == {"vsa.once": "1"}
    assert (config["read_only"], config["network_mode"]) == (True, "none")
    assert (config["cap_drop"], config["cap_add"]) == (["ALL"], ["DAC_READ_SEARCH"])
    assert config["security_opt"] == ["no-new-privileges:true"]


def test_the_container_goes_also_if_it_does_not_start(engine: BackupEngine) -> None:
    engine._api.starts = False  # type: ignore[attr-defined]
    with pytest.raises(RolledBackError):
        engine.run_isolated(TASK)
    assert engine._api.calls[-1][:2] == ("remove", "c1")  # type: ignore[attr-defined]


def test_volumes(engine: BackupEngine) -> None:
    assert engine.volume("v") == Volume("v", "/data/v/_data", "local")
    assert engine.volume("w") is None
    engine.remove_volume("w")
    engine.make_volume("w", labels={"a": "b"})
    engine.stop("gone")
    engine.start("c2")
    engine.remove("gone")
    assert engine._api.calls == [  # type: ignore[attr-defined]
        ("create_volume", "w", {"labels": {"a": "b"}}),
        ("stop", "gone"),
        ("start", "c2"),
        ("stop", "gone"),
        ("remove", "gone", {"v": False, "force": True}),
    ]


@pytest.mark.parametrize(
    ("driver", "options", "plain"),
    [("local", {}, True), ("local", {"type": "none", "o": "bind", "device": "/etc"}, False), ("nfs", {}, False)],
)
def test_only_a_volume_in_the_engines_own_directory_is_plain(driver: str, options: dict[str, str], plain: bool) -> None:
    assert Volume("v", "/d", driver, options).is_plain is plain


def test_data_are_moved_by_one_rename(tmp_path: Path) -> None:
    source, target = (Volume(name, str(tmp_path / name / "_data"), "local") for name in ("a", "b"))
    for volume in (source, target):
        Path(volume.directory).mkdir(parents=True)
    (tmp_path / "a/_data/file").write_text("x", encoding="utf-8")
    BackupEngine.move_data(source, target)
    assert (tmp_path / "b/_data/file").read_text(encoding="utf-8") == "x"
    assert not Path(source.directory).exists()
    BackupEngine.move_data(source, target)
    assert (tmp_path / "b/_data/file").exists(), "a volume without data moves nothing"
    Path(source.directory).mkdir()
    with pytest.raises(OSError, match="not empty"):
        BackupEngine.move_data(source, target)
