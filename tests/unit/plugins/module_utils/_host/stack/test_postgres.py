"""A stack whose PostgreSQL is of another major version than the data that are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.folder import Folder
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.postgres import refuse_other_postgres

from stackhost import StackHost, make_container

HOME = "/var/lib/postgresql"


@pytest.fixture
def host(tmp_path: Path) -> StackHost:
    made = StackHost(tmp_path)
    made.engine.images = {"postgres:18.6"}
    return made


def judge(host: StackHost, mount: dict[str, str], *, image: str = "postgres:18.6") -> list[str]:
    said = {
        "services": {"db": {"image": image, "volumes": [mount]}},
        "volumes": {"data": {"name": "acme-app_data"}},
    }
    folder = Folder(host.paths, Stack("app", "An application", "acme"))
    return refuse_other_postgres(json.dumps(said), folder=folder, engine=host.engine)  # type: ignore[arg-type]


def volume(target: str) -> dict[str, str]:
    return {"type": "volume", "source": "data", "target": target}


@pytest.mark.parametrize(
    ("files", "target"),
    [
        ({}, f"{HOME}/data"),
        ({"PG_VERSION": b"18\n"}, f"{HOME}/data"),
        ({"18/docker/PG_VERSION": b"18\n"}, HOME),
        # the new data beside those of before
        ({"18/docker/PG_VERSION": b"18\n", "data/PG_VERSION": b"17\n"}, HOME),
        ({"PG_VERSION": b"who knows"}, f"{HOME}/data"),
    ],
)
def test_data_that_the_image_reads(host: StackHost, files: dict[str, bytes], target: str) -> None:
    host.engine.in_volumes["acme-app_data"] = files
    assert judge(host, volume(target)) == []


@pytest.mark.parametrize(
    ("files", "target", "version"),
    [
        ({"PG_VERSION": b"17\n"}, f"{HOME}/data", 17),
        ({"pgdata/PG_VERSION": b"16\n"}, f"{HOME}/data", 16),
        ({"data/PG_VERSION": b"17\n"}, HOME, 17),
        ({"PG_VERSION": b"19\n"}, f"{HOME}/data", 19),
    ],
)
def test_data_of_another_major_version(host: StackHost, files: dict[str, bytes], target: str, version: int) -> None:
    host.engine.in_volumes["acme-app_data"] = files
    with pytest.raises(RefusedError, match=f"the volume acme-app_data has data of PostgreSQL {version}"):
        judge(host, volume(target))


def test_a_new_volume_is_not_made_by_looking(host: StackHost) -> None:
    assert judge(host, volume(HOME)) == []
    assert host.engine.done == []


def test_the_image_of_before_serves_to_look(host: StackHost) -> None:
    host.engine.in_volumes["acme-app_data"] = {"PG_VERSION": b"17\n"}
    host.engine.images = set()
    assert judge(host, volume(f"{HOME}/data")) == [
        "the data of db could not be looked at: no image of it is on this host"
    ]
    old = make_container("app", "db", image="postgres:17.7", volumes=("acme-app_data",))
    host.engine.running = [old]
    host.engine.images = {old.image_id}
    with pytest.raises(RefusedError, match="the volume acme-app_data has data of PostgreSQL 17"):
        judge(host, volume(f"{HOME}/data"))
    assert host.engine.done == [f"look into acme-app_data from {old.image_id}"]


def bind(host: StackHost, path: str) -> dict[str, str]:
    return {"type": "bind", "source": str(host.folder() / path), "target": f"{HOME}/data"}


def test_a_directory_of_the_folder(host: StackHost) -> None:
    data = host.folder() / "data/db"
    assert judge(host, bind(host, "data/db")) == []
    data.mkdir(parents=True)
    assert judge(host, bind(host, "data/db")) == []
    (data / "PG_VERSION").write_text("17\n")
    with pytest.raises(RefusedError, match=r"the directory .*/srv/acme/app/data/db has data of PostgreSQL 17"):
        judge(host, bind(host, "data/db"))


def test_no_link_is_followed(host: StackHost, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "PG_VERSION").write_text("17\n")
    (host.folder() / "data").mkdir(parents=True)
    (host.folder() / "data/db").symlink_to(elsewhere)
    assert judge(host, bind(host, "data/db")) == []
    (host.folder() / "data/file").mkdir()
    (host.folder() / "data/file/PG_VERSION").symlink_to(elsewhere / "PG_VERSION")
    assert judge(host, bind(host, "data/file")) == []
    assert judge(host, {"type": "bind", "source": str(elsewhere), "target": f"{HOME}/data"}) == []
