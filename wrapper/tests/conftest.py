"""The real command, as a process of its own, over a collection of test playbooks that run on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"
REPO = Path(__file__).parents[2]

Vsa = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections path whose ``flowbiz.vsa`` has the test playbooks and the real ``module_utils``."""
    root = tmp_path_factory.mktemp("collections")
    home = root / "ansible_collections/flowbiz/vsa"
    shutil.copytree(DATA / "collection", home)
    for part in ("module_utils", "plugin_utils", "callback", "lookup"):
        (home / "plugins" / part).symlink_to(REPO / "plugins" / part)
    shutil.copy(REPO / "galaxy.yml", home)
    return root


def _furnished(place: Path) -> Path:
    """Write an inventory of one host, one of two and others, and make a home."""
    host = "{ansible_connection: local, ansible_python_interpreter: " + sys.executable + "}"
    (place / "one.yml").write_text(f"all: {{hosts: {{vps-01: {host}}}}}\n")
    (place / "two.yml").write_text(f"all: {{hosts: {{vps-01: {host}, vps-02: {host}}}}}\n")
    (place / "none.yml").write_text("all: {hosts: {}}\n")
    gone = "{ansible_host: 127.0.0.1, ansible_port: 1, ansible_connection: ssh}"
    (place / "gone.yml").write_text(f"all: {{hosts: {{vps-01: {host}, vps-02: {gone}}}}}\n")
    three = f"vps-01: {host}, vps-02: {gone}, vps-03: {host}"
    (place / "three.yml").write_text(f"all: {{hosts: {{{three}}}}}\n")
    (place / "home").mkdir()
    return place


def _environment(place: Path, collections: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "USER") if name in os.environ}
    return kept | {"HOME": str(place / "home"), "PYTHONPATH": str(collections), "LC_ALL": "C.UTF-8"}


def _vsa(place: Path, environment: dict[str, str]) -> Vsa:
    def call(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vsa", *words],
            cwd=place,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )

    return call


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A directory with an inventory of one host, and one of two."""
    return _furnished(tmp_path)


@pytest.fixture
def environment(workplace: Path, collections: Path) -> dict[str, str]:
    """The environment of a call: nothing of this machine's own settings."""
    return _environment(workplace, collections)


@pytest.fixture
def vsa(workplace: Path, environment: dict[str, str]) -> Vsa:
    """Call ``vsa`` in the workplace; keyword arguments are further environment variables."""
    return _vsa(workplace, environment)


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, collections: Path) -> Callable[[], tuple[Path, Vsa]]:
    """Make another workplace, for what several tests start from, and return ``vsa`` in this workplace."""

    def make() -> tuple[Path, Vsa]:
        place = _furnished(tmp_path_factory.mktemp("elsewhere"))
        return place, _vsa(place, _environment(place, collections))

    return make
