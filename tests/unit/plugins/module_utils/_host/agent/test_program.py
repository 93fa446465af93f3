"""The program of the agent: one file that the Python of a host runs."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector import collect
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.program import program_bytes
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender import send
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.sources import needed_sources


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "agent.pyz"
    path.write_bytes(program_bytes(needed_sources(collect.__name__, send.__name__)))
    return path


def ran(program: Path, *words: str, libraries: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the program without this project in the path: only libraries of the host."""
    paths = ":".join(path for path in sys.path if "site-packages" in path and "_vsa" not in path)
    environment = {"PYTHONPATH": paths} if libraries else {}
    return subprocess.run(
        [sys.executable, "-S", str(program), *words], capture_output=True, text=True, env=environment, timeout=60
    )


def test_the_same_files_make_the_same_bytes(program: Path) -> None:
    assert program_bytes(needed_sources(collect.__name__, send.__name__)) == program.read_bytes()


def test_it_says_how_it_is_called(program: Path) -> None:
    done = ran(program)
    assert done.returncode == 2
    assert "collect|send" in done.stderr


def test_the_sender_needs_the_standard_library_alone(program: Path) -> None:
    done = ran(program, "send", libraries=False)
    assert done.returncode == 1
    assert "address and token cannot be read" in done.stderr


def test_everything_that_is_imported_later_is_in_it(program: Path) -> None:
    """The collector imports much only if something changed: each file of the collection must be there then."""
    names = [
        name.removesuffix(".py").replace("/", ".")
        for name in zipfile.ZipFile(program).namelist()
        if name.endswith(".py") and not name.endswith(("__init__.py", "__main__.py"))
    ]
    assert len(names) > 100
    lines = "".join(f"import {name}\n" for name in names)
    code = f"import sys\nsys.path.insert(0, {str(program)!r})\n{lines}print('all')"
    paths = ":".join(path for path in sys.path if "site-packages" in path and "_vsa" not in path)
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, env={"PYTHONPATH": paths}, timeout=60
    )
    assert done.stdout == "all\n", done.stderr


def test_python_does_not_compile_it_again(program: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(program) as archive:
        names = archive.namelist()
    sources = [name for name in names if name.endswith(".py") and name != "__main__.py"]
    assert all(f"{name}c" in names for name in sources)
    # The bytecode is what runs: without any source the program runs as well.
    made = io.BytesIO()
    with zipfile.ZipFile(program) as archive, zipfile.ZipFile(made, "w") as bare:
        for name in names:
            if name not in sources:
                bare.writestr(name, archive.read(name))
    other = tmp_path / "bare.pyz"
    other.write_bytes(made.getvalue())
    assert "cannot be read" in ran(other, "send", libraries=False).stderr


def test_another_python_takes_the_sources(program: Path, tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(program) as archive, zipfile.ZipFile(made, "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            other.writestr(name, b"\x00\x00\x0d\x0a" + content[4:] if name.endswith(".pyc") else content)
    path = tmp_path / "other.pyz"
    path.write_bytes(made.getvalue())
    assert "cannot be read" in ran(path, "send", libraries=False).stderr
