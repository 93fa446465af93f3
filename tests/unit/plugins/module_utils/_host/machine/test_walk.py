"""Walking by open directories: no link is followed, nothing blocks, a file is whole or not written."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import walk as module
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.walk import Directory, walk

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives directories to users: needs root")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    made = tmp_path / "srv"
    (made / "app/data").mkdir(parents=True)
    (made / "app/file").write_text("text", encoding="utf-8")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/kept").write_text("kept", encoding="utf-8")
    (made / "app/out").symlink_to(tmp_path / "etc")
    (made / "app/data/out").symlink_to(tmp_path / "etc/kept")
    return made


USES = {
    "read": lambda found, name: found.read(f"{name}/kept"),
    "write": lambda found, name: found.write(f"{name}/kept", b"x", mode=0o644),
    "unlink": lambda found, name: found.unlink(f"{name}/kept"),
    "own": lambda found, name: found.own(name, owner=1000, group=1000, mode=0o777),
    "state": lambda found, name: found.state(f"{name}/kept"),
    "move": lambda found, name: found.move(f"{name}/kept", found, "mine"),
}


@pytest.mark.parametrize("use", USES)
def test_a_link_on_the_way_is_refused(top: Path, tmp_path: Path, use: str) -> None:
    before = (tmp_path / "etc").stat()
    with walk(top) as found, pytest.raises(RefusedError, match="srv/app/out is a link") as error:
        USES[use](found, "app/out")
    assert str(tmp_path / "etc") not in str(error.value.message), "an error does not say where a link leads"
    assert (tmp_path / "etc").stat() == before
    assert (tmp_path / "etc/kept").read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("name", ["../etc", "/etc", "app/../../etc"])
def test_a_path_that_leads_out_is_refused(top: Path, name: str) -> None:
    with walk(top) as found, pytest.raises(RefusedError, match="leads out"), found.inside(name):
        pass


def test_read(top: Path) -> None:
    with walk(top) as found:
        assert found.read("app/file") == b"text"
        assert found.read("app/none") is None
        assert found.read("none/none") is None
        for name in ("app/data/out", "app/out"):
            with pytest.raises(RefusedError, match="is a link"):
                found.read(name)
        with pytest.raises(RefusedError, match="is not a file"):
            found.read("app/data")


def test_what_is_no_file_never_blocks(top: Path) -> None:
    os.mkfifo(top / "app/fifo")
    with socket.socket(socket.AF_UNIX) as bound, walk(top) as found:
        bound.bind(str(top / "app/socket"))
        for name in ("app/fifo", "app/socket"):
            with pytest.raises(RefusedError, match="is not a file"):
                found.read(name)


def test_a_file_without_end_is_refused(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 3)
    with walk(top) as found, pytest.raises(RefusedError, match="is larger than"):
        found.read("app/file")


def test_write_replaces_a_link_and_makes_what_is_missing(top: Path, tmp_path: Path) -> None:
    with walk(top) as found:
        found.write("app/data/out", b"new", mode=0o640)
        found.write("new/below/file", b"new", mode=0o600)
        with pytest.raises(RefusedError, match="is not a file"):
            found.write("app/data", b"new", mode=0o640)
    assert not (top / "app/data/out").is_symlink()
    assert (top / "app/data/out").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "etc/kept").read_text(encoding="utf-8") == "kept"
    assert (top / "new/below/file").read_text(encoding="utf-8") == "new"
    assert sorted(path.name for path in (top / "app").iterdir()) == ["data", "file", "out"], "no draft is left"


@needs_root
def test_own(top: Path) -> None:
    with walk(top) as found:
        found.own("app/more/up", owner=1000, group=1001, mode=0o2770)
    there = (top / "app/more/up").stat()
    assert (there.st_uid, there.st_gid, there.st_mode & 0o7777) == (1000, 1001, 0o2770)


@needs_root
def test_give(top: Path, tmp_path: Path) -> None:
    with walk(top) as found:
        for name in ("app/file", "app/data", ""):
            found.give(name, owner=1000, group=1001, mode=0o750)
            there = (top / name).stat()
            assert (there.st_uid, there.st_gid, there.st_mode & 0o7777) == (1000, 1001, 0o750)
        before = (tmp_path / "etc/kept").stat()
        with pytest.raises(RefusedError, match="is a link"):
            found.give("app/data/out", owner=1000, group=1001, mode=0o777)
        assert (tmp_path / "etc/kept").stat() == before
        with pytest.raises(FileNotFoundError):
            found.give("app/none", owner=0, group=0, mode=0o700)


def test_a_directory_that_is_swapped_while_it_is_open_stays_what_was_opened(top: Path, tmp_path: Path) -> None:
    with walk(top) as found, found.inside("app/data") as data:
        (top / "app/data").rename(top / "app/moved")
        (top / "app/data").symlink_to(tmp_path / "etc")
        data.write("kept", b"mine", mode=0o644)
    assert (tmp_path / "etc/kept").read_text(encoding="utf-8") == "kept"
    assert (top / "app/moved/kept").read_text(encoding="utf-8") == "mine"


def test_removals(top: Path, tmp_path: Path) -> None:
    with walk(top) as found:
        found.unlink("app/data/out")
        found.unlink("app/none")
        found.unlink("none/none")
        assert not found.rmdir("app")
        assert found.rmdir("app/data")
        assert found.rmdir("none")
    assert (tmp_path / "etc/kept").exists()
    assert not (top / "app/data").exists()


def test_remove(top: Path, tmp_path: Path) -> None:
    with walk(top) as found:
        for name in ("app/out", "app/file", "app/data", "app", "app", "none/none"):
            found.remove(name)
        assert found.names() == []
    assert (tmp_path / "etc/kept").exists()


def nest(directory: Directory, depth: int) -> None:
    """Make a chain of directories that is deeper than a path may be long."""
    handle = os.dup(directory._handle)
    for _level in range(depth):
        os.mkdir("deep", dir_fd=handle)
        below = os.open("deep", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)


def test_a_tree_of_any_depth_is_emptied(top: Path, tmp_path: Path) -> None:
    with walk(top) as found, found.inside("app") as app:
        nest(app, 3000)
        assert app.size("deep") > 0
        app.empty()
        assert app.names() == []
    assert (tmp_path / "etc/kept").exists()


@pytest.mark.parametrize("times", [3, 1_000_000])
def test_somebody_who_goes_on_writing_holds_up_nobody_for_ever(
    top: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(module, "_MOST_LEVELS", 8)
    left = [times]
    rmdir = os.rmdir

    def written_into(name: str, *, dir_fd: int) -> None:
        if left[0]:
            left[0] -= 1
            os.mkdir(f"{name}/more", dir_fd=dir_fd)
        rmdir(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", written_into)
    with walk(top) as found:
        if times < 50:
            found.empty()
            assert found.names() == []
        else:
            with pytest.raises(RefusedError, match="something keeps writing"):
                found.empty()


def test_move_and_size(top: Path) -> None:
    (top / "app/file").write_bytes(b"x" * 100_000)
    with walk(top) as found, found.inside("trash", make=0o700) as trash:
        assert 100_000 <= found.size("app") < 200_000
        assert found.size("none") == 0
        found.move("app", trash, "1")
        assert trash.names() == ["1"]
        assert found.names() == ["trash"]
    assert (top / "trash").stat().st_mode & 0o777 == 0o700


def test_the_top_is_made_if_asked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), walk(tmp_path / "a/b"):
        pass
    with walk(tmp_path / "a/b", make=0o755) as found:
        assert found.names() == []
