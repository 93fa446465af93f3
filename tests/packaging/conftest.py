"""The three doors, each made once per session: a plain clone, a wheel in a fresh environment, a Galaxy artifact."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vsa_tree
from vsa_door import Door, environment

BIN = Path(sys.executable).parent
# On this host the first task fails at once. The output still shows the file of the task.
INVENTORY = """
all:
  hosts:
    nowhere:
      ansible_connection: local
      ansible_python_interpreter: /nonexistent/python3
      ansible_become: false
"""


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of every file that is committed, or could be, with links as links: the result of `git clone`."""
    root = tmp_path_factory.mktemp("clone") / "vsa"
    for name in vsa_tree.files():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(vsa_tree.ROOT / name, target, follow_symlinks=False)
    return root


@pytest.fixture(scope="session")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inventory with one host on which every task fails."""
    path = tmp_path_factory.mktemp("inventory") / "hosts.yml"
    path.write_text(INVENTORY, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def this_machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inventory with one host that runs modules, by the Python of the tests: a machine that VSA does not manage."""
    path = tmp_path_factory.mktemp("this-machine") / "hosts.yml"
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
    path.write_text(json.dumps({"all": {"hosts": {"here": host}}}), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def clone(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Door:
    """A plain clone without an install step: only ansible.cfg and the links lead to the collection."""
    home = tmp_path_factory.mktemp("home")
    return Door(cwd=checkout, bin=BIN, collection=checkout, env=environment(home))


@pytest.fixture(scope="session")
def wheel_file(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the clone by the build backend of the lock (no build environment is fetched)."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    built = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return next(out.glob("*.whl"))


def uv(*words: str) -> None:
    """Run uv, which takes packages from the index of this machine's configuration."""
    done = subprocess.run([str(BIN / "uv"), *words], capture_output=True, text=True)
    assert done.returncode == 0, f"uv {words}: {done.stderr}"


def install(door: Door, *words: str) -> None:
    """Install packages into a door's environment."""
    uv("pip", "install", "--quiet", "--python", str(door.bin / "python"), *words)


def _runtime_lock() -> list[str]:
    return (vsa_tree.ROOT / "requirements/runtime.lock").read_text(encoding="utf-8").splitlines()


def make_environment(folder: Path, *wheels: Path) -> Path:
    """Make a fresh virtual environment from the runtime lock, install the wheels, and return its bin folder."""
    python = ["--quiet", "--python", str(folder / "bin/python")]
    lock = str(vsa_tree.ROOT / "requirements/runtime.lock")
    uv("venv", "--quiet", "--python", sys.executable, str(folder))
    uv("pip", "install", *python, "--require-hashes", "-r", lock)
    for wheel in wheels:
        uv("pip", "install", *python, "--no-deps", str(wheel))
    return folder / "bin"


@pytest.fixture(scope="session")
def wheel(wheel_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Door:
    """The wheel in a fresh environment, with the locked dependencies, far from any checkout."""
    home = tmp_path_factory.mktemp("home")
    binaries = make_environment(tmp_path_factory.mktemp("venv"), wheel_file)
    site_packages = next(binaries.parent.glob("lib/python3*/site-packages"))
    collection = site_packages / "ansible_collections/flowbiz/vsa"
    return Door(cwd=home, bin=binaries, collection=collection, env=environment(home))


@pytest.fixture(scope="session")
def artifact_file(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Galaxy artifact, built from the clone."""
    out = tmp_path_factory.mktemp("artifact")
    command = [str(BIN / "ansible-galaxy"), "collection", "build", "--output-path", str(out)]
    built = subprocess.run(command, cwd=checkout, capture_output=True, text=True, env=environment(out))
    assert built.returncode == 0, built.stderr
    return next(out.glob("flowbiz-vsa-*.tar.gz"))


@pytest.fixture(scope="session")
def artifact(artifact_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Door:
    """The artifact, installed by `ansible-galaxy collection install`, with an Ansible that knows no other copy."""
    home = tmp_path_factory.mktemp("home")
    path = tmp_path_factory.mktemp("collections")
    binaries = make_environment(tmp_path_factory.mktemp("venv"))
    door = Door(
        cwd=home,
        bin=binaries,
        collection=path / "ansible_collections/flowbiz/vsa",
        env=environment(home, ANSIBLE_COLLECTIONS_PATH=str(path)),
    )
    install = ["ansible-galaxy", "collection", "install", str(artifact_file), "-p", str(path)]
    door.run(*install, "--no-deps", "--offline")
    return door


@pytest.fixture
def core_alone(artifact_file: Path, tmp_path: Path) -> Door:
    """The artifact with ansible-core alone: nothing of the runtime lock but what ansible-core itself needs."""
    folder, path = tmp_path / "venv", tmp_path / "collections"
    core = next(line.split(" ")[0] for line in _runtime_lock() if line.startswith("ansible-core=="))
    uv("venv", "--quiet", "--python", sys.executable, str(folder))
    door = Door(
        cwd=tmp_path,
        bin=folder / "bin",
        collection=path / "ansible_collections/flowbiz/vsa",
        env=environment(tmp_path, ANSIBLE_COLLECTIONS_PATH=str(path)),
    )
    install(door, core)
    door.run("ansible-galaxy", "collection", "install", str(artifact_file), "-p", str(path), "--no-deps", "--offline")
    return door


@pytest.fixture(params=["clone", "wheel", "artifact"])
def door(request: pytest.FixtureRequest) -> Door:
    """Each of the three doors in turn."""
    return request.getfixturevalue(request.param)
