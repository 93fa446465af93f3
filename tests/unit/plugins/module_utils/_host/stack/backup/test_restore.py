"""`stack restore`: judged before anything changes, and the data of before stay."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path
from typing import NoReturn

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    NotRolledBackError,
    RefusedError,
    RolledBackError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import health
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup import databases
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.backups import RestoreJournal

from backuphost import Killed
from backupstack import BackupHost
from stackhost import fake_compose


def kept(host: BackupHost) -> list[str]:
    """Return what the volumes and the folder of before hold."""
    found = sorted(Path(host.engine.root, "volumes").glob("*.before-*/_data/*"))
    found += sorted(Path(host.paths.root, "srv/acme").glob("shop.before-*/upload"))
    return [path.read_text(encoding="utf-8") for path in found]


def test_each_run_comes_back(shop: BackupHost) -> None:
    first = shop.save().data["run"]
    shop.write("two")
    second = shop.save().data["run"]
    shop.write("three")
    shop.restore(first)
    assert shop.content() == ["one"] * 3
    assert kept(shop) == ["three"] * 3
    assert [container.name for container in shop.engine.running] == ["acme-shop-db"]
    shop.restore(second)
    assert shop.content() == ["two"] * 3
    labels = shop.engine.labels["acme-shop_files"]
    assert labels == {"com.docker.compose.project": "acme-shop", "com.docker.compose.volume": "files"}


def test_the_newest_run_comes_back_on_a_fresh_host(
    shop: BackupHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.save()
    fresh = BackupHost(tmp_path / "fresh", restic=shop.engine.restic)
    Path(fresh.paths.root, "repository").mkdir()
    monkeypatch.setattr(databases, "_exec", fresh.execute)
    result = fresh.restore()
    assert fresh.content() == ["one"] * 3
    assert kept(fresh) == []
    assert (result.data["stack"], result.data["tenant"], result.data["kept_data"]) == ("shop", "acme", [])
    assert fresh.folder().version().env == shop.folder().version().env


def test_another_name_leaves_the_first_alone(shop: BackupHost) -> None:
    shop.save()
    shop.write("two")
    result = shop.restore(new_name="shop-2")
    assert shop.content() == ["two"] * 3
    assert (shop.data("dbdata", "acme-shop-2") / "db").read_text(encoding="utf-8") == "one"
    assert (shop.data("files", "acme-shop-2") / "a").read_text(encoding="utf-8") == "one"
    assert result.data["restored_sites"] == []
    assert len(shop.engine.running) == 3


def test_check_mode_changes_nothing(shop: BackupHost) -> None:
    run = shop.save().data["run"]
    shop.write("two")
    result = shop.restore(check=True)
    assert result.data["run"] == run
    assert result.steps[0].state == "would_change"
    assert shop.content() == ["two"] * 3
    assert len(shop.engine.running) == 2


@pytest.mark.parametrize("run", ["20261129t030000z-ffff", "latest"], ids=["not there", "no form"])
def test_a_run_that_is_not_there_is_refused(shop: BackupHost, run: str) -> None:
    shop.save()
    with pytest.raises(RefusedError):
        shop.restore(run)
    assert shop.content() == ["one"] * 3


def test_a_repository_that_is_away_changes_nothing(shop: BackupHost) -> None:
    shop.save()
    shop.engine.restic.away = True
    with pytest.raises(RolledBackError):
        shop.restore()
    assert shop.content() == ["one"] * 3
    assert len(shop.engine.running) == 2


def test_the_policy_judges_what_comes_back(shop: BackupHost) -> None:
    shop.save()
    version = shop.engine.restic.place / "s2/backup/state/good.json"
    version.write_text(
        version.read_text(encoding="utf-8").replace("web: {image", "web: {privileged: true, image"), encoding="utf-8"
    )
    with pytest.raises(RefusedError) as caught:
        shop.restore()
    assert "privileged" in str(caught.value.as_result())
    assert shop.content() == ["one"] * 3
    assert len(shop.engine.running) == 2


def test_a_volume_that_another_container_mounts_is_refused(shop: BackupHost) -> None:
    shop.save()
    shop.start("web", project="beta-other")
    other = shop.engine.running[-1]
    shop.engine.running[-1] = dataclasses.replace(other, volumes=("acme-shop_files",))
    with pytest.raises(RefusedError) as caught:
        shop.restore()
    assert "acme-shop_files" in str(caught.value.as_result())
    assert shop.content() == ["one"] * 3


def test_a_dump_that_does_not_load_leaves_the_data_of_before(shop: BackupHost) -> None:
    run = shop.save().data["run"]
    shop.write("two")
    shop.load_fails = True
    with pytest.raises(NotRolledBackError) as caught:
        shop.restore()
    assert re.fullmatch(
        r"only acme-shop-db is running, and its data of before lie in .*acme-shop_files\.before-.*", caught.value.state
    )
    assert run in str(caught.value.as_result())
    assert kept(shop) == ["two"] * 3
    shop.load_fails = False
    shop.restore()
    assert shop.content() == ["one"] * 3
    assert kept(shop) == ["two"] * 3, "the second try moves nothing else aside"


def test_a_database_that_is_healthy_late_is_no_failure(shop: BackupHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL makes its cluster at the first start. Compose gives up when the health check failed often enough."""
    monkeypatch.setattr(health.time, "sleep", shop.look)
    shop.save()
    shop.write("two")
    shop.starts_as = ["unhealthy", "unhealthy", "starting", "healthy"]
    shop.restore()
    assert shop.starts_as == []
    assert shop.content() == ["one"] * 3


def test_a_database_that_ends_is_a_failure_at_once(shop: BackupHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health.time, "sleep", shop.look)
    shop.save()
    shop.starts_as = ["exited", "healthy"]
    with pytest.raises(NotRolledBackError, match="the databases do not start") as caught:
        shop.restore()
    assert "acme-shop-db is exited" in caught.value.details
    assert caught.value.state.startswith("only acme-shop-db is exited, and its data of before lie in ")
    assert shop.starts_as == ["healthy"]


def test_an_error_after_which_no_container_is_there(shop: BackupHost, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.save()
    monkeypatch.setattr(shop, "start", lambda *_services, **_more: None)
    with pytest.raises(NotRolledBackError, match="the databases do not start") as caught:
        shop.restore()
    assert caught.value.state.startswith("its containers are removed, and its data of before lie in ")


def test_an_engine_that_falls_silent_during_the_restore(shop: BackupHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """It must not pass for an engine that was silent before anything was changed."""
    shop.save()

    def silent(*_words: object, **_more: object) -> NoReturn:
        raise RefusedError("the Docker engine of this host does not answer")

    def stopped(argv: list[str], seconds: int) -> NoReturn:
        del argv, seconds
        for name in ("containers", "volume"):
            monkeypatch.setattr(shop.engine, name, silent)
        silent()

    monkeypatch.setattr(shop, "compose", stopped)
    with pytest.raises(NotRolledBackError, match="does not answer") as caught:
        shop.restore()
    assert caught.value.state == "which of its containers and data are there was not seen"


def test_a_restore_that_is_killed_at_any_step_loses_nothing(shop: BackupHost) -> None:
    shop.save()
    number = 0
    while True:
        number += 1
        shop.start()
        shop.write("two")
        shop.engine.calls, shop.engine.fail_at = 0, number
        try:
            shop.restore()
        except Killed:
            pass
        else:
            break
        assert "two" in {*kept(shop), shop.content()[0]}, shop.engine.done[-1]
        shop.engine.calls = shop.engine.fail_at = 0
        under_way = RestoreJournal(shop.paths, "acme", "shop").read() is not None
        if under_way and (kept(shop) or list(Path(shop.engine.root, "volumes").glob("*.before-*"))):
            with pytest.raises(RefusedError, match="a restore of shop was cut off"):
                up_again(shop)
        elif under_way:
            assert up_again(shop).data["up_needed"]
            assert shop.content() == ["two"] * 3, "the old data serve"
        if under_way or not kept(shop):
            shop.restore()
        assert shop.content() == ["one"] * 3, shop.engine.done[-1]
        assert kept(shop) == ["two"] * 3, "nothing of before is lost, and nothing is kept twice"
        forget(shop)
    assert number > 10


def up_again(host: BackupHost) -> Result:
    version = host.folder().version()
    request = StackUpRequest(name="shop", files=version.files)
    return prepare(request, check=False, diff=False, paths=host.paths, engine=host.engine, compose=fake_compose)


def forget(host: BackupHost) -> None:
    for path in (
        *Path(host.engine.root, "volumes").glob("*.before-*"),
        *Path(host.paths.root, "srv/acme").glob("*.before-*"),
    ):
        shutil.rmtree(path)
