"""`stack backup`: a run is whole, or there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.save import BackupRequest, backup_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.backups import BackupRecord

from backuphost import Killed
from backupstack import BackupHost


def parts(host: BackupHost) -> list[str]:
    return [tag for entry in host.engine.restic.listed for tag in entry["tags"] if tag.startswith("part=")]


def record(host: BackupHost) -> dict[str, object]:
    return BackupRecord(host.paths, "acme", "shop").read()


def test_the_database_comes_first_and_the_files_last(shop: BackupHost) -> None:
    result = shop.save()
    assert result.changed
    assert parts(shop) == ["part=database-db", "part=files"]
    saved = shop.engine.restic.place / "s2/backup"
    assert (saved / "volumes/files/a").read_text(encoding="utf-8") == "one"
    assert (saved / "folder/conf/a.txt").read_text(encoding="utf-8") == "a"
    assert (saved / "state/good.json").exists()
    assert not (saved / "volumes/dbdata").exists(), "the files of a database are worth nothing"
    about = json.loads((saved / "about/about.json").read_text(encoding="utf-8"))
    assert (about["databases"], about["volumes"]) == (["db"], ["files"])
    assert (saved / "about/roles-db.sql").read_text(encoding="utf-8").startswith("CREATE ROLE")
    assert (shop.engine.restic.place / "s1/db.dump").read_text(encoding="utf-8") == "one"
    assert record(shop)["run"] == result.data["run"]
    assert record(shop)["failure"] is None


def test_restic_sees_only_what_it_saves(shop: BackupHost) -> None:
    shop.save()
    for task in shop.engine.restic.tasks:
        assert task.network == "none"
        assert not set(task.capabilities) - {"DAC_READ_SEARCH"}
        shown = f"{task.argv}{task.environment}{task.binds}"
        assert "a password" not in shown
        modes = {bind.rsplit(":", 1)[1] for bind in task.binds if not bind.endswith((":/repository:rw", ":/cache:rw"))}
        assert modes == {"ro"}
    assert not list(Path(shop.paths.root, "run/vsa-backup").iterdir())


def test_services_are_stopped_meanwhile_and_started_whatever_comes(shop: BackupHost) -> None:
    shop.engine.done.clear()
    shop.save()
    done = [word for word in shop.engine.done if word.startswith(("stop", "start", "restic"))]
    stopped = done.index("stop acme-shop-web")
    assert done[stopped + 1].startswith("restic")
    assert done[stopped + 2] == "start acme-shop-web"
    assert record(shop)["stopped"] == []


def test_a_dump_that_fails_leaves_no_snapshot(shop: BackupHost) -> None:
    shop.dump_fails = True
    with pytest.raises(RolledBackError) as caught:
        shop.save()
    assert caught.value.exit_code == 4
    assert "the dump of the database failed" in caught.value.message
    assert "pg: out of order" in str(caught.value.details)
    assert shop.engine.restic.listed == []
    assert str(record(shop)["failure"]).startswith("the dump")
    assert "time" not in record(shop)


def test_a_server_with_another_database_is_refused(shop: BackupHost) -> None:
    """A dump holds one database. A backup that leaves the others out would look whole."""
    shop.other_databases = ("plugins", "odd\x1bname")
    with pytest.raises(RolledBackError) as caught:
        shop.save()
    assert caught.value.message == "the database server db has databases that no dump would hold"
    assert caught.value.there_are == ["plugins", r"odd\x1bname"]
    assert "stop" in str(caught.value.expected)
    assert shop.engine.restic.listed == []


def test_files_that_are_not_saved_take_the_dump_with_them(shop: BackupHost) -> None:
    shop.engine.remove_volume("acme-shop_files")
    with pytest.raises(RolledBackError) as caught:
        shop.save()
    assert "acme-shop_files does not exist" in caught.value.message
    assert shop.engine.restic.listed == []


def test_a_database_that_does_not_run_has_no_dump(shop: BackupHost) -> None:
    shop.engine.running = [each for each in shop.engine.running if each.name != "acme-shop-db"]
    with pytest.raises(RolledBackError, match="does not run"):
        shop.save()


@pytest.mark.parametrize("what", ["away", "gone", "other", "password"])
def test_a_repository_that_is_not_the_one_of_before_is_no_success(shop: BackupHost, tmp_path: Path, what: str) -> None:
    alert = tmp_path / "alert"
    alert.write_text(f"#!/bin/sh\ncat >{tmp_path}/alerted\n", encoding="utf-8")
    alert.chmod(0o700)
    Path(shop.paths.root, "etc/vsa/vsa.yml").write_text(f"alert_command: {alert}\n", encoding="utf-8")
    shop.save()
    restic = shop.engine.restic
    restic.away, restic.wrong_password = what == "away", what == "password"
    if what == "gone":
        restic.made = False
    if what == "other":
        restic.identity = "r2"
    with pytest.raises(RolledBackError) as caught:
        shop.save()
    assert caught.value.exit_code == 4
    assert len(restic.listed) == 2
    sent = json.loads((tmp_path / "alerted").read_text(encoding="utf-8"))
    assert sent["backups"] == [{"tenant": "acme", "stack": "shop", "why": caught.value.message}]
    assert record(shop)["failure"] == caught.value.message


def test_the_first_backup_makes_password_and_repository(shop: BackupHost) -> None:
    shop.settings("schema: 1\nrepository: /repository\n")
    first, *_others = shop.save().steps
    text = Path(shop.paths.root, "etc/vsa/backup.yml").read_text(encoding="utf-8")
    password = text.splitlines()[-1].partition(" ")[2].strip('"')
    assert first.name == "password"
    assert password in first.notes[0]
    assert password not in first.text, "the host's audit trail keeps the text of a step"
    assert all(step.name != "password" for step in shop.save().steps)
    assert shop.engine.restic.made


def test_check_mode_changes_nothing(shop: BackupHost) -> None:
    before = len(shop.engine.done)
    result = backup_stack(BackupRequest("shop"), check=True, paths=shop.paths, engine=shop.engine)
    assert [step.state for step in result.steps] == ["would_change"]
    assert "the database of db, the volume files, the files would be saved" in result.steps[0].text
    assert len(shop.engine.done) == before
    assert record(shop) == {}


def test_a_host_without_settings_is_refused(shop: BackupHost) -> None:
    Path(shop.paths.root, "etc/vsa/backup.yml").unlink()
    with pytest.raises(RefusedError) as caught:
        shop.save()
    assert "/etc/vsa/backup.yml" in str(caught.value.expected)


def test_old_runs_go_and_a_repository_that_keeps_them_is_a_warning(shop: BackupHost) -> None:
    shop.settings(
        "schema: 1\nrepository: /r\npassword: a password of the repository\n"
        "keep: {last: 1, daily: 1, weekly: 0, monthly: 0}\n"
    )
    shop.save()
    shop.save()
    assert len(shop.engine.restic.listed) == 2, "one run is kept of a day"
    shop.engine.restic.keeps_everything = True
    result = shop.save()
    assert [step.text for step in result.steps if step.state == "warning"] == [
        "the repository does not remove old runs"
    ]


def test_a_run_that_is_killed_at_any_step_is_made_good_by_the_next(shop: BackupHost) -> None:
    shop.save()
    shop.engine.calls = 0
    shop.save()
    steps = shop.engine.calls
    for number in range(1, steps + 1):
        shop.engine.calls, shop.engine.fail_at = 0, number
        with pytest.raises(Killed):
            shop.save()
        shop.engine.calls = shop.engine.fail_at = 0
        shop.save()
        assert record(shop)["stopped"] == []
        assert shop.content() == ["one"] * 3
