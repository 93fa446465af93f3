"""Purging what others have a hand in: another name for a directory, stacks that are down, a swap in between."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.removal import ContainerInfo, Mount
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.data import Purge, carry_out, plan_purge
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import StackState, Version


class Engine:
    """An engine with volumes, by name, and containers without a process."""

    def __init__(self, **volumes: Mapping[str, str]) -> None:
        self.known = volumes
        self.removed: list[str] = []

    def volumes(self) -> dict[str, dict[str, str]]:
        return {name: dict(options) for name, options in self.known.items()}

    def volume(self, name: str) -> dict[str, str] | None:
        return self.volumes().get(name)

    def volume_directory(self, name: str) -> str | None:
        return self.known[name].get("at")

    def remove_volume(self, name: str) -> None:
        self.removed.append(name)

    def container(self, name: str) -> None:
        del name


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return the data of the site that is removed."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text("1 1 0:1 / / rw - ext4 /dev/x rw\n")
    made = tmp_path / "srv/acme/shop/data"
    made.mkdir(parents=True)
    (made / "db").write_text("precious", encoding="utf-8")
    return made


def planned(data: Path, *others: ContainerInfo, engine: Engine | None = None, own: tuple[str, ...] = ()) -> Purge:
    root = data.parents[3]
    return plan_purge(
        engine or Engine(),  # type: ignore[arg-type]
        [Mount(str(data))],
        others,
        paths=Paths(str(root)),
        own=own,
        proc=root / "proc",
    )


def removed(data: Path, purge: Purge) -> None:
    carry_out(Engine(), purge, Paths(str(data.parents[3])))  # type: ignore[arg-type]


def other(source: Path | str = "", *, name: str = "") -> ContainerInfo:
    return ContainerInfo("beta-web", "id", status="exited", mounts=(Mount(str(source), name=name, driver="local"),))


@pytest.mark.parametrize("part", [".", "db", ".."], ids=["the same", "inside", "around"])
def test_another_containers_link_to_it_is_a_hit(data: Path, tmp_path: Path, part: str) -> None:
    link = tmp_path / "srv/beta"
    link.mkdir()
    (link / "mine").symlink_to(data / part)
    found = planned(data, other(link / "mine"))
    assert (found.places, list(found.refused.items())) == ((), [(str(data), "the container beta-web mounts it too")])


@pytest.mark.parametrize("mounted", [True, False])
def test_a_volume_that_leads_to_it_is_a_hit(data: Path, mounted: bool) -> None:
    engine = Engine(beta_files={"type": "none", "o": "bind", "device": f"{data}/../data"})
    found = planned(data, *([other(name="beta_files")] if mounted else []), engine=engine)
    assert (found.places, list(found.refused.values())) == ((), ["the volume beta_files leads to it"])


def stack(tmp_path: Path, tenant: str, name: str, compose: str, *, judged: str = "") -> None:
    state = StackState(Paths(str(tmp_path)), tenant, name)
    files = {"stack.yml": "schema: 1\n", "compose.yml": compose}
    state.write(Version(files, "WHERE=/srv/acme/shop/data\n", judged), {"schema": 1, "files": {}})


SOURCES = {
    "short": "services: {web: {volumes: ['%s:/data']}}",
    "long": "services: {web: {volumes: [{type: bind, source: %s, target: /data}]}}",
    "above": "services: {web: {volumes: ['%s/..:/data:ro']}}",
    "device": "services: {}\nvolumes: {all: {driver_opts: {type: none, device: '%s'}}}",
    "secret": "services: {}\nsecrets: {key: {file: '%s/db'}}",
}


@pytest.mark.parametrize("sort", SOURCES)
@pytest.mark.parametrize("judged", [True, False])
def test_data_of_a_stack_that_is_down_stays(data: Path, tmp_path: Path, sort: str, judged: bool) -> None:
    text = SOURCES[sort] % data
    stack(tmp_path, "beta", "files", "services: {}" if judged else text, judged=text if judged else "")
    found = planned(data)
    assert (found.places, list(found.refused.values())) == ((), ["the stack beta/files uses it"])


def test_a_volume_of_a_stack_that_is_down_stays(data: Path, tmp_path: Path) -> None:
    stack(tmp_path, "beta", "files", "volumes: {db: {}, all: {external: true, name: shared}}")
    mounts = [Mount("", name=name, driver="local") for name in ("files_db", "shared", "shop_db")]
    engine = Engine(files_db={}, shared={}, shop_db={})
    paths = Paths(str(tmp_path))
    found = plan_purge(engine, mounts, [], paths=paths, own=("shop",), proc=tmp_path / "proc")  # type: ignore[arg-type]
    assert found.volumes == ("shop_db",)
    assert found.refused == dict.fromkeys(("files_db", "shared"), "the stack beta/files uses it")


def test_the_folder_of_another_stack_stays_whatever_it_mounts(data: Path, tmp_path: Path) -> None:
    stack(tmp_path, "acme", "shop", "services: {}")
    assert list(planned(data, own=("blog",)).refused.values()) == ["the stack acme/shop uses it"]
    assert planned(data, own=("shop",)).places == (str(data),), "the data of the stack that goes"


def exchange(data: Path) -> Path:
    """Put another directory in the place of the data, as the owner of the folder can; returns the other."""
    precious = data.parents[1] / "blog"
    precious.mkdir()
    (precious / "file").write_text("precious", encoding="utf-8")
    data.rename(data.with_name("moved"))
    return precious


@pytest.mark.parametrize("swap", ["directory", "link", "parent"])
def test_what_was_exchanged_between_look_and_deletion_stays(data: Path, swap: str) -> None:
    found = planned(data)
    precious = exchange(data)
    if swap == "directory":
        precious.rename(data)
        precious = data
    elif swap == "link":
        data.symlink_to(precious)
    else:
        data.parent.rename(data.parent.with_name("aside"))
        data.parent.symlink_to(precious)
        (precious / "data").mkdir()
    with pytest.raises(RefusedError):
        removed(data, found)
    assert (precious / "file").read_text(encoding="utf-8") == "precious"
    assert not (data.parents[2] / ".vsa-trash").exists()


def test_what_a_killed_run_left_in_the_trash_goes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_words: object, **_more: object) -> None:
        raise KeyboardInterrupt

    trash = data.parents[2] / ".vsa-trash"
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            removed(data, planned(data))
    assert trash.stat().st_mode & 0o777 == 0o700, "only root enters it"
    assert not data.exists()
    removed(data, planned(data))
    assert not trash.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a directory to a user: needs root")
def test_a_trash_folder_that_is_not_roots_is_refused(data: Path) -> None:
    trash = data.parents[2] / ".vsa-trash"
    trash.mkdir()
    os.chown(trash, 1000, 1000)
    with pytest.raises(RefusedError, match="is not root's alone"):
        removed(data, planned(data))
    assert (data / "db").exists()


def test_sizes(data: Path, tmp_path: Path) -> None:
    (data / "db").write_bytes(b"x" * 300_000)
    volume = tmp_path / "volumes/shop_db/_data"
    volume.mkdir(parents=True)
    (volume / "table").write_bytes(b"x" * 50_000)
    found = plan_purge(
        Engine(shop_db={"at": str(volume)}, gone={}, moved={"at": "/nowhere/_data"}),  # type: ignore[arg-type]
        [Mount(str(data)), *(Mount("", name=name, driver="local") for name in ("shop_db", "gone", "moved"))],
        [],
        paths=Paths(str(tmp_path)),
        proc=tmp_path / "proc",
        sizes=True,
    )
    assert 300_000 <= found.sizes[str(data)] < 400_000
    assert 50_000 <= found.sizes["volume shop_db"] < 70_000
    assert (found.sizes["volume gone"], found.sizes["volume moved"]) == (0, 0)


def test_the_record_of_a_stack_that_is_damaged_claims_its_folder(data: Path, tmp_path: Path) -> None:
    stack(tmp_path, "acme", "shop", "{[")
    state = Paths(str(tmp_path)).stack_state("acme", "shop")
    assert list(planned(data).refused.values()) == ["the stack acme/shop uses it"]
    (state / "version.json").write_text(json.dumps({"schema": 1}), encoding="utf-8")
    assert list(planned(data).refused.values()) == ["the stack acme/shop uses it"]
