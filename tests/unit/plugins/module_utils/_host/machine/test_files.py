"""Files on the host: whole or not at all, with their mode, and what is read when there is nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import files

from failingdisk import failing_disk


def mode(path: Path) -> int:
    """Return a file's permission bits."""
    return path.stat().st_mode & 0o7777


def test_read_text(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert files.read_text(path) is None
    assert files.read_text(path / "below") is None
    path.write_text("grüße\n", encoding="utf-8")
    assert files.read_text(path) == "grüße\n"
    assert files.read_text(path / "below") is None


@pytest.mark.parametrize(
    ("text", "data"), [(None, None), ("", None), ("{", None), ('{"a": 1}', {"a": 1}), ("7\n", 7), ('{"a": 1}x', None)]
)
def test_read_json_that_is_not_whole_is_none(tmp_path: Path, text: str | None, data: Any) -> None:
    if text is not None:
        (tmp_path / "file").write_text(text, encoding="utf-8")
    assert files.read_json(tmp_path / "file") == data


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("wanted", [0o444, 0o600, 0o644])
def test_write_new(tmp_path: Path, umask: int, wanted: int) -> None:
    before = os.umask(umask)
    try:
        files.write_new(tmp_path / "file", "ü\n".encode(), mode=wanted)
    finally:
        os.umask(before)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "ü\n"
    assert mode(tmp_path / "file") == wanted


def test_write_new_never_overwrites(tmp_path: Path) -> None:
    files.write_new(tmp_path / "file", b"old")
    with pytest.raises(FileExistsError):
        files.write_new(tmp_path / "file", b"new")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        files.write_new(tmp_path / "link", b"new")
    assert (tmp_path / "file").read_text() == "old"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("before", "before_mode", "after", "after_mode", "wrote"),
    [
        (None, 0, "new", 0o644, True),
        ("old", 0o644, "new", 0o644, True),
        ("same", 0o644, "same", 0o644, False),
        ("same", 0o600, "same", 0o644, True),
        ("same", 0o644, "same", 0o640, True),
        (b"\xff\xfe", 0o644, "new", 0o644, True),
    ],
)
def test_write_atomically(
    tmp_path: Path, before: str | bytes | None, before_mode: int, after: str, after_mode: int, wrote: bool
) -> None:
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before if isinstance(before, bytes) else before.encode())
        path.chmod(before_mode)
    inode = path.stat().st_ino if before is not None else None
    assert files.write_atomically(path, after, mode=after_mode) is wrote
    assert path.read_text() == after
    assert mode(path) == after_mode
    assert (path.stat().st_ino != inode) is wrote, "a file is replaced, never written over"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"], "nothing is left beside it"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        files.write_atomically(path, "\ud800")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def read_while(write: Callable[[int], object], read: Callable[[], str], rounds: int) -> set[str]:
    """Return all that a reader sees while somebody else writes ``rounds`` times."""
    seen = set()
    with ThreadPoolExecutor(max_workers=1) as pool:
        done = pool.submit(lambda: [write(number) for number in range(rounds)])
        while not done.done():
            seen.add(read())
        done.result()
    return seen


def fsync_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(files, "fsync_directory", broken)


def test_finding_12_a_file_whose_directory_cannot_be_synced_is_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o640)
    fsync_fails(monkeypatch)
    with pytest.raises(OSError, match="Input/output"):
        files.write_atomically(path, "new", mode=0o600)
    assert (path.read_text(), path.stat().st_mode & 0o7777) == ("old", 0o640)
    with pytest.raises(OSError, match="Input/output"):
        files.write_atomically(tmp_path / "b", "new")
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_finding_12_a_link_whose_directory_cannot_be_synced_points_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.point_link(tmp_path / "link", "one")
    fsync_fails(monkeypatch)
    for link, target in (("link", "one"), ("fresh", None)):
        with pytest.raises(OSError, match="Input/output"):
            files.point_link(tmp_path / link, "two")
        there = tmp_path / link
        assert (str(there.readlink()) if there.is_symlink() else None) == target


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path, texts = tmp_path / "file", [letter * 200_000 for letter in "ab"]
    path.write_text(texts[0])
    seen = read_while(lambda number: files.write_atomically(path, texts[number % 2]), path.read_text, 60)
    assert seen == set(texts)


def test_a_link_is_never_gone(tmp_path: Path) -> None:
    link, targets = tmp_path / "current", ["generations/1", "generations/2"]
    files.point_link(link, targets[0])
    seen = read_while(lambda number: files.point_link(link, targets[number % 2]), lambda: str(link.readlink()), 200)
    assert seen == set(targets)
    assert [entry.name for entry in tmp_path.iterdir()] == ["current"]


def test_point_link_gets_over_what_a_killed_run_left(tmp_path: Path) -> None:
    (tmp_path / ".current.new").symlink_to("somewhere")
    files.point_link(tmp_path / "current", "generations/7")
    assert str((tmp_path / "current").readlink()) == "generations/7"
    assert [entry.name for entry in tmp_path.iterdir()] == ["current"]


def test_a_tree_is_removed_for_sure_or_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").write_text("x")
    with failing_disk(tmp_path, at=0, code=errno.EROFS, lasting=True), pytest.raises(OSError, match="Read-only"):
        files.remove_tree(tmp_path / "a", sure=True)
    for _time in range(2):
        files.remove_tree(tmp_path / "a", sure=True)
    assert not (tmp_path / "a").exists()


def test_remove_tree(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").write_text("x")
    (tmp_path / "a/b/file").chmod(0o444)
    files.remove_tree(tmp_path / "a")
    files.remove_tree(tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", None),
        ("a: 1\n", {"a": 1}),
        ("a: [x, 'y']\n", {"a": ["x", "y"]}),
        ("domain: münchen.de\n", {"domain": "münchen.de"}),
    ],
)
def test_load_yaml(text: str, data: Any) -> None:
    assert files.load_yaml(text, where="sites/x.yml") == data


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [\n", "sites/x.yml:2"),
        ("a: 1\nb: : 2\n", "sites/x.yml:2"),
        ("\tb: 1\n", "sites/x.yml:1"),
        ("a: !!python/object/apply:os.system [id]\n", "sites/x.yml:1"),
        ("a: !vault x\n", "sites/x.yml:1"),
        ("a: *nothing\n", "sites/x.yml:1"),
        ("a: 2026-13-99\n", "sites/x.yml"),
        ("a: \x00\n", "sites/x.yml"),
        ("a: 1\n---\nb: 2\n", "sites/x.yml:2"),
        ("[" * 5000, "sites/x.yml"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_load_yaml_refuses_and_names_the_place(text: str, place: str) -> None:
    with pytest.raises(RefusedError, match="is not YAML") as caught:
        files.load_yaml(text, where="sites/x.yml")
    assert str(caught.value.value).startswith(place)


def test_dump_yaml_is_for_people() -> None:
    data = {"schema": 1, "domain": "b.example", "aliases": ["a.example"], "email": "yes", "body_size": "0"}
    text = files.dump_yaml(data)
    assert text.splitlines()[:4] == ["schema: 1", "domain: b.example", "aliases:", "- a.example"]
    assert files.load_yaml(text, where="x") == data


KILLED = """
import os, signal, sys
from pathlib import Path
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import files
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
files.require_room(Path(sys.argv[1]), 4096)
"""


def test_a_process_that_is_killed_while_it_tries_the_room_leaves_no_file(tmp_path: Path) -> None:
    """256 KiB stayed in the directory of the certificates for ever."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, env=environment)
    assert done.returncode == -9
    assert list(tmp_path.iterdir()) == []


def test_what_an_earlier_release_left_goes_with_the_next_run(tmp_path: Path) -> None:
    (tmp_path / "..room.k2j4").write_bytes(bytes(4096))
    (tmp_path / "live").mkdir()
    files.require_room(tmp_path, 4096)
    assert [path.name for path in tmp_path.iterdir()] == ["live"]
