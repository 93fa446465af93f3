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


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A directory with an inventory of one host, and one of two."""
    host = "{ansible_connection: local, ansible_python_interpreter: " + sys.executable + "}"
    (tmp_path / "one.yml").write_text(f"all: {{hosts: {{vps-01: {host}}}}}\n")
    (tmp_path / "two.yml").write_text(f"all: {{hosts: {{vps-01: {host}, vps-02: {host}}}}}\n")
    (tmp_path / "none.yml").write_text("all: {hosts: {}}\n")
    gone = "{ansible_host: 127.0.0.1, ansible_port: 1, ansible_connection: ssh}"
    (tmp_path / "gone.yml").write_text(f"all: {{hosts: {{vps-01: {host}, vps-02: {gone}}}}}\n")
    three = f"vps-01: {host}, vps-02: {gone}, vps-03: {host}"
    (tmp_path / "three.yml").write_text(f"all: {{hosts: {{{three}}}}}\n")
    (tmp_path / "home").mkdir()
    return tmp_path


@pytest.fixture
def environment(workplace: Path, collections: Path) -> dict[str, str]:
    """The environment of a call: nothing of this machine's own settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "USER") if name in os.environ}
    return kept | {"HOME": str(workplace / "home"), "PYTHONPATH": str(collections), "LC_ALL": "C.UTF-8"}


@pytest.fixture
def vsa(workplace: Path, environment: dict[str, str]) -> Vsa:
    """Call ``vsa`` in the workplace; keyword arguments are further environment variables."""

    def call(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vsa", *words],
            cwd=workplace,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )

    return call
