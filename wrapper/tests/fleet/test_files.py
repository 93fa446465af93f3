"""Files of an inventory are written whole, together, with their modes, and by one command at a time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from vsa.core import RefusedError
from vsa.fleet.files import alone_in, read, write_all


def test_the_mode_and_a_link_stay(tmp_path: Path) -> None:
    real = tmp_path / "shared/hosts.yml"
    real.parent.mkdir()
    real.write_text("old\n")
    real.chmod(0o640)
    link = tmp_path / "hosts.yml"
    link.symlink_to(real)
    write_all({link: "new\r\n"})
    assert link.is_symlink()
    assert real.read_bytes() == b"new\r\n"
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_new_file_can_be_read_by_all(tmp_path: Path) -> None:
    write_all({tmp_path / "known_hosts": "x\n"})
    assert (tmp_path / "known_hosts").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["known_hosts"]


def test_if_one_file_fails_none_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "a.yml", tmp_path / "b.yml"
    first.write_text("a\n")
    second.write_text("b\n")
    real = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if Path(target).name == "b.yml":
            raise OSError(28, "No space left on device", str(target))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(RefusedError, match="No space left"):
        write_all({first: "A\n", second: "B\n"})
    assert (first.read_text(), second.read_text()) == ("a\n", "b\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yml", "b.yml"]


def test_a_folder_that_cannot_be_written_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be written"):
        write_all({tmp_path / "gone/hosts.yml": "x"})
    with pytest.raises(RefusedError, match="cannot be read"), alone_in(tmp_path / "gone"):
        pass


def test_text_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x\r\ny")
    assert read(tmp_path / "a") == "x\r\ny"
    assert read(tmp_path / "gone") == ""
    (tmp_path / "b").write_bytes(b"\xff\xfe")
    with pytest.raises(RefusedError, match="UTF-8"):
        read(tmp_path / "b")


def test_two_commands_do_not_write_at_once(tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def other() -> None:
        inside.wait()
        with alone_in(tmp_path):
            order.append("other")

    thread = threading.Thread(target=other)
    thread.start()
    with alone_in(tmp_path):
        inside.set()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "other"]
    assert list(tmp_path.iterdir()) == []
