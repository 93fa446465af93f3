"""Files that change together: their content first, then their names, and back."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.drafts import Drafts, clear_drafts


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with three files."""
    for name in ("a.yml", "b.yml", "same.yml"):
        (tmp_path / name).write_text(f"old {name}")
        (tmp_path / name).chmod(0o644)
    return tmp_path


def drafted(place: Path) -> Drafts:
    drafts = Drafts()
    drafts.write(place / "a.yml", "new a", mode=0o644)
    drafts.write(place / "new.yml", "new", mode=0o600)
    drafts.write(place / "same.yml", "old same.yml", mode=0o644)
    drafts.remove(place / "b.yml")
    return drafts


def texts(place: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(place.iterdir()) if not path.name.startswith(".")}


OLD = {"a.yml": "old a.yml", "b.yml": "old b.yml", "same.yml": "old same.yml"}
NEW = {"a.yml": "new a", "new.yml": "new", "same.yml": "old same.yml"}


def test_a_draft_changes_nothing_before_its_commit(place: Path) -> None:
    drafted(place)
    assert texts(place) == OLD
    assert sorted(path.name for path in place.glob(".*")) == [".a.yml.vsadraft", ".new.yml.vsadraft"]


def test_after_the_commit_all_files_are_as_wanted(place: Path) -> None:
    drafted(place).commit()
    assert texts(place) == NEW
    assert (place / "new.yml").stat().st_mode & 0o777 == 0o600
    clear_drafts(place)
    assert list(place.glob(".*")) == []


def test_a_commit_is_undone(place: Path) -> None:
    drafts = drafted(place)
    drafts.commit()
    drafts.undo()
    assert texts(place) == OLD
    drafts.undo()
    assert texts(place) == OLD


def test_a_commit_that_failed_half_way_is_undone(place: Path) -> None:
    drafts = drafted(place)
    (place / ".new.yml.vsadraft").unlink()
    with pytest.raises(FileNotFoundError):
        drafts.commit()
    drafts.undo()
    assert texts(place) == OLD


def test_what_a_killed_process_left_is_no_hindrance(place: Path) -> None:
    drafted(place).commit()
    (place / ".a.yml.vsadraft").write_text("left over")
    again = Drafts()
    again.write(place / "a.yml", "newer", mode=0o644)
    again.commit()
    assert texts(place)["a.yml"] == "newer"
    again.undo()
    assert texts(place)["a.yml"] == "new a"


def test_a_draft_follows_no_link(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "file"
    (place / ".a.yml.vsadraft").symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        drafted(place)
    assert not other.exists()


def test_a_directory_that_is_missing_has_no_drafts(place: Path) -> None:
    clear_drafts(place / "nowhere")


def test_an_error_of_a_write_names_the_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left") as caught:
        Drafts().write(place / "a.yml", "new", mode=0o644)
    assert caught.value.filename == str(place / "a.yml")
