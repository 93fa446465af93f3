# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytecode that a host keeps: what it is kept for, what is never believed, and that imports are as before."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode
from ansible_collections.flowbiz.vsa.plugins.module_utils._bytecode import Kept

SOURCE = b"answer = 41 + 1\n"
NAME = "ansible_collections/flowbiz/vsa/one.py"


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[], Kept]:
    """``kept()`` is what one run of a module has: a new object on the same directory."""
    return lambda: Kept(str(tmp_path / "cache"), owner=os.geteuid())


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the names of the files that were compiled."""
    names: list[str] = []

    def spied(source: bytes, name: str, *words: Any, **named: Any) -> Any:
        names.append(name)
        return compile(source, name, *words, **named)

    monkeypatch.setattr(_bytecode, "compile", spied, raising=False)
    return names


def value(code: Any) -> Any:
    names: dict[str, Any] = {}
    exec(code, names)
    return names["answer"]


def test_a_source_is_compiled_in_the_first_run_alone(kept: Callable[[], Kept], compiled: list[str]) -> None:
    assert [value(kept().code(NAME, SOURCE)) for _run in range(3)] == [42, 42, 42]
    assert compiled == [NAME]


def test_another_source_name_or_python_is_compiled(
    kept: Callable[[], Kept], compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept().code(NAME, SOURCE)
    assert value(kept().code(NAME, b"answer = 7\n")) == 7
    assert kept().code("another.py", SOURCE).co_filename == "another.py"
    monkeypatch.setattr(_bytecode, "_PYTHON", "3.99")
    kept().code(NAME, SOURCE)
    assert len(compiled) == 4


def test_a_source_that_is_not_python_is_compiled_by_its_own_compiler(kept: Callable[[], Kept]) -> None:
    made = []

    def make() -> Any:
        made.append(1)
        return compile("answer = 1", "a template", "exec")

    assert [value(kept().code("a template", b"{{ 1 }}", make)) for _run in range(3)] == [1, 1, 1]
    assert made == [1]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty, as after a power cut": lambda _content: b"",
    "cut": lambda content: content[:-5],
    "zeros": lambda content: bytes(len(content)),
    "one bit": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "longer": lambda content: content + b"x",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_is_not_whole_is_made_again(
    kept: Callable[[], Kept], compiled: list[str], tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    kept().code(NAME, SOURCE)
    (file,) = (tmp_path / "cache").iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert value(kept().code(NAME, SOURCE)) == 42
    assert len(compiled) == 2
    assert file.read_bytes() == whole


def test_the_code_of_another_source_is_not_believed(
    kept: Callable[[], Kept], compiled: list[str], tmp_path: Path
) -> None:
    kept().code(NAME, SOURCE)
    (mine,) = (tmp_path / "cache").iterdir()
    kept().code(NAME, b"answer = 'another'\n")
    other = next(file for file in (tmp_path / "cache").iterdir() if file != mine)
    mine.write_bytes(other.read_bytes())
    assert value(kept().code(NAME, SOURCE)) == 42


def test_a_link_is_not_followed(kept: Callable[[], Kept], compiled: list[str], tmp_path: Path) -> None:
    kept().code(NAME, SOURCE)
    (file,) = (tmp_path / "cache").iterdir()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert value(kept().code(NAME, SOURCE)) == 42
    assert len(compiled) == 2
    assert not file.is_symlink()


def _open_to_others(place: Path) -> None:
    place.mkdir()
    place.chmod(0o755)


def _link(place: Path) -> None:
    real = place.with_name("real")
    real.mkdir(mode=0o700)
    place.symlink_to(real)


PLACES: dict[str, Callable[[Path], object]] = {
    "open to others": _open_to_others,
    "a link": _link,
    "a file": lambda place: place.write_text(""),
}


@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)
def test_nothing_is_kept_where_others_could_write(
    kept: Callable[[], Kept], compiled: list[str], tmp_path: Path, make: Callable[[Path], object]
) -> None:
    place = tmp_path / "cache"
    make(place)
    assert [value(kept().code(NAME, SOURCE)) for _run in range(2)] == [42, 42]
    assert len(compiled) == 2
    assert place.is_file() or not list(place.iterdir())


def test_nothing_is_kept_for_another_user_than_the_owner(tmp_path: Path) -> None:
    one = Kept(str(tmp_path / "cache"), owner=os.geteuid() + 1)
    assert value(one.code(NAME, SOURCE)) == 42
    assert not list(tmp_path.iterdir())


def test_nothing_is_kept_where_nothing_can_be_made(tmp_path: Path) -> None:
    one = Kept(str(tmp_path / "no" / "parent"), owner=os.geteuid())
    assert value(one.code(NAME, SOURCE)) == 42
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("umask", [0o000, 0o027, 0o077])
def test_root_alone_may_enter(kept: Callable[[], Kept], tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        kept().code(NAME, SOURCE)
    finally:
        os.umask(before)
    (file,) = (tmp_path / "cache").iterdir()
    assert ((tmp_path / "cache").stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_the_directory_does_not_grow_without_end(
    kept: Callable[[], Kept], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_bytecode, "_MOST_FILES", 3)
    for number in range(10):
        kept().code(NAME, b"answer = %d\n" % number)
    assert len(list((tmp_path / "cache").iterdir())) <= 4


# What Ansible does with a module: the zip file stands first in sys.path, then the module is run out of it.
_RUN = """
import sys
sys.path.insert(0, sys.argv[1])
import top.first
import top.below.second
print(top.below.second.VALUE, top.__path__[0].endswith(".zip/top"), top.below.second.__file__)
print(type(top.below.second.__loader__).__name__, top.below.second.__spec__.origin == top.below.second.__file__)
import importlib.resources
print(importlib.resources.files("top").joinpath("text.txt").read_text())
import gc
print(gc.isenabled(), gc.get_threshold()[0] >= 20000)
top.below.second.fail()
"""
_SECOND = "VALUE = 42\n\n\ndef fail():\n    raise ValueError('seen')  # in a traceback\n"
_FILES = {
    "top/__init__.py": "",
    "top/below/__init__.py": "",
    "top/below/second.py": _SECOND,
    "top/text.txt": "a text",
}


def test_imports_from_a_zip_file_are_as_before(tmp_path: Path) -> None:
    source = Path(_bytecode.__file__).read_text(encoding="utf-8")
    cache = tmp_path / "cache"
    first = source.replace('"/var/cache/vsa"', repr(str(cache))).replace(
        "owner: int = 0", f"owner: int = {os.geteuid()}"
    )
    archive = tmp_path / "payload.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name, text in {**_FILES, "top/first.py": first}.items():
            made.writestr(name, text)
    said = []
    for _run in range(2):
        argv = [sys.executable, "-I", "-c", _RUN, str(archive)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        assert done.stdout.splitlines() == [
            f"42 True {archive}/top/below/second.py",
            "Importer True",
            "a text",
            "True True",
        ], done.stderr
        assert "raise ValueError('seen')  # in a traceback" in done.stderr
        said.append({file.name: file.stat().st_mtime_ns for file in cache.iterdir()})
    assert said[0] == said[1]
    # Two files were imported after the first one.
    assert len(said[0]) == 2
