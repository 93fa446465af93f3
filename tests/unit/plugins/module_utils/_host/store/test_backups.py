"""What VSA keeps about backups, on disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.settings import BackupSettings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.backups import (
    BackupRecord,
    RestoreJournal,
    add_password,
    cache_directory,
    control_directory,
    forget_restored,
    keep_repository,
    known_repository,
    read_backup_settings,
    repository_directory,
    restore_directory,
    stack_lock,
    take_allowed,
    take_sites,
    take_users,
    users_texts,
    write_about,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

SETTINGS = "# where the backups go\nschema: 1\nrepository: /var/backups/vsa\n"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    (tmp_path / "etc/vsa").mkdir(parents=True)
    return Paths(str(tmp_path))


def write(paths: Paths, text: str = SETTINGS, mode: int = 0o600) -> Path:
    path = Path(paths.root, "etc/vsa/backup.yml")
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_settings_that_others_may_read_are_refused(paths: Paths) -> None:
    assert read_backup_settings(paths) is None
    for mode in (0o640, 0o604, 0o620):
        write(paths, mode=mode)
        with pytest.raises(RefusedError) as caught:
            read_backup_settings(paths)
        assert "0600" in str(caught.value.expected)
    write(paths)
    assert read_backup_settings(paths) == BackupSettings("/var/backups/vsa", "directory")


def test_a_password_is_added_once_and_the_rest_stays(paths: Paths) -> None:
    path = write(paths)
    add_password(paths, "a" * 40)
    assert path.read_text(encoding="utf-8") == f'{SETTINGS}password: "{"a" * 40}"\n'
    assert mode_of(path) == 0o600
    found = read_backup_settings(paths)
    assert found is not None
    assert found.password == "a" * 40


def test_the_repository_that_was_used_is_known(paths: Paths) -> None:
    assert known_repository(paths, "/a") is None
    keep_repository(paths, "/a", "r1")
    assert known_repository(paths, "/a") == "r1"
    assert known_repository(paths, "/b") is None
    assert mode_of(paths.state / "backup.json") == 0o600


def test_directories_are_for_root_alone(paths: Paths) -> None:
    settings = BackupSettings("/var/backups/vsa", "directory")
    assert repository_directory(settings, paths, make=False) is None
    made = repository_directory(settings, paths, make=True)
    assert made == Path(paths.root, "var/backups/vsa")
    assert {mode_of(made), mode_of(cache_directory(paths))} == {0o700}


def test_secrets_for_restic_are_gone_afterwards(paths: Paths) -> None:
    (Path(paths.root) / "key").write_text("a key", encoding="utf-8")
    with control_directory(paths, "acme-shop", {"password": "p"}, {"key": "/key"}) as place:
        written = {path.name: path.read_text(encoding="utf-8") for path in place.iterdir()}
        modes = {mode_of(path) for path in place.iterdir()}
        assert mode_of(place) == 0o700
    assert written == {"password": "p", "key": "a key"}
    assert modes == {0o600}
    assert not place.exists()
    with pytest.raises(RefusedError), control_directory(paths, "acme-shop", {}, {"key": "/gone"}):
        pass


def test_what_a_killed_run_left_is_replaced(paths: Paths) -> None:
    left = Path(paths.root, "run/vsa-backup/acme-shop")
    left.mkdir(parents=True)
    (left / "password").write_text("old", encoding="utf-8")
    with control_directory(paths, "acme-shop", {"repository": "r"}, {}) as place:
        write_about(place, {"about.json": "{}"})
        assert sorted(path.name for path in place.iterdir()) == ["about", "repository"]


def test_one_run_of_a_stack_at_a_time(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    monkeypatch.setattr("time.monotonic", iter(range(0, 1000, 4)).__next__)
    with stack_lock(paths, "acme", "shop"), pytest.raises(RefusedError), stack_lock(paths, "acme", "shop"):
        pass
    with stack_lock(paths, "acme", "shop"):
        pass


def test_the_record_keeps_its_other_fields(paths: Paths) -> None:
    record = BackupRecord(paths, "acme", "shop")
    assert record.read() == {}
    record.note(run="r", time="t")
    record.note(failure="why")
    assert record.read() == {"schema": 1, "run": "r", "time": "t", "failure": "why"}
    (paths.stack_state("acme", "shop") / "backup.json").write_text("{", encoding="utf-8")
    assert record.read() == {}


def test_the_journal_of_a_restore(paths: Paths) -> None:
    journal = RestoreJournal(paths, "acme", "shop")
    assert journal.read() is None
    journal.write(run="r", suffix="s", moved=["v"])
    assert journal.read() == {"schema": 1, "run": "r", "suffix": "s", "moved": ["v"], "stack": "shop"}
    journal.remove()
    journal.remove()
    assert journal.read() is None


def test_what_a_restore_takes_over(paths: Paths) -> None:
    restored = restore_directory(paths, "acme", "shop")
    state = restored.stack_state("acme", "shop")
    state.mkdir(parents=True)
    paths.stack_state("acme", "new").mkdir(parents=True)
    (state / "allowed.json").write_text("allowed", encoding="utf-8")
    take_allowed(restored, ("acme", "shop"), paths, ("acme", "new"))
    (state / "allowed.json").write_text("another", encoding="utf-8")
    take_allowed(restored, ("acme", "shop"), paths, ("acme", "new"))
    assert (paths.stack_state("acme", "new") / "allowed.json").read_text(encoding="utf-8") == "allowed"

    about = Path(restored.root, "about")
    for domain in ("a.test", "b.test"):
        (about / f"site-{domain}.yml").write_text(f"restored {domain}", encoding="utf-8")
    paths.sites.mkdir(parents=True)
    (paths.sites / "a.test.yml").write_text("there", encoding="utf-8")
    assert take_sites(restored, paths) == ["a.test", "b.test"]
    assert (paths.sites / "a.test.yml").read_text(encoding="utf-8") == "there"
    assert (paths.sites / "b.test.yml").read_text(encoding="utf-8") == "restored b.test"
    (about / "site-..yml").write_text("x", encoding="utf-8")
    with pytest.raises(RefusedError):
        take_sites(restored, paths)
    forget_restored(paths, "acme", "shop")
    assert not Path(restored.root).exists()


def test_the_users_of_a_site_come_back_where_a_path_has_none(tmp_path: Path) -> None:
    old, new, restored = (Paths(str(tmp_path / name)) for name in ("old", "new", "restored"))
    line = "ana:$2y$12$abcdefghijklmnopqrstuu8Q5Vl4Xk3mC5b1j0b5n1Z3gX5W6kLQe\n"
    for domain in ("a.test", "other.test"):
        for protected in ("/", "/admin/"):
            (old.htpasswd / domain).mkdir(parents=True, exist_ok=True)
            (old.htpasswd / domain / protected.replace("/", ",")).write_text(line, encoding="utf-8")
    Path(restored.root).mkdir()
    write_about(Path(restored.root), users_texts(old, ["a.test"]))
    take_users(restored, new)  # no reverse proxy: there is no place for them
    assert not new.htpasswd.exists()
    own = new.htpasswd / "a.test/,admin,"
    own.parent.mkdir(parents=True)
    own.write_text("bob:$2y$12$other\n", encoding="utf-8")
    take_users(restored, new)
    assert (new.htpasswd / "a.test/,").read_text(encoding="utf-8") == line
    assert own.read_text(encoding="utf-8").startswith("bob:")
    assert not (new.htpasswd / "other.test").exists()
    (Path(restored.root) / "about/users-..,x").write_text(line, encoding="utf-8")
    with pytest.raises(RefusedError):
        take_users(restored, new)
