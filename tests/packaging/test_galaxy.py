"""Galaxy accepts the artifact, and its documentation builds, with the programs that Galaxy and Ansible's site use."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import vsa_tree
from conftest import BIN
from vsa_door import Door, environment


@pytest.fixture
def importer_config(tmp_path: Path) -> Path:
    """The configuration of galaxy-importer, without ansible-lint (`make lint`) and ansible-test (`make sanity`)."""
    path = tmp_path / "galaxy-importer.cfg"
    path.write_text("[galaxy-importer]\nrun_ansible_lint = False\nrun_ansible_test = False\n", encoding="utf-8")
    return path


def test_galaxy_importer_accepts_the_artifact(artifact_file: Path, importer_config: Path, tmp_path: Path) -> None:
    tools = environment(tmp_path, PATH=f"{BIN}:{os.environ['PATH']}", GALAXY_IMPORTER_CONFIG=str(importer_config))
    command = [str(BIN / "python"), "-m", "galaxy_importer.main", str(artifact_file)]
    done = subprocess.run(command, cwd=tmp_path, env=tools, capture_output=True, text=True, timeout=240)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Importer processing completed successfully" in said
    assert not [line for line in said.splitlines() if line.startswith(("ERROR", "WARNING"))], said
    for role in vsa_tree.roles():
        assert f"Loading role {role}" in said


def test_the_documentation_of_the_collection_builds(artifact: Door, tmp_path: Path) -> None:
    out = tmp_path / "docs"
    out.mkdir()
    command = [str(BIN / "antsibull-docs"), "collection", "--use-current", "--fail-on-error", "--squash-hierarchy"]
    environ = {**artifact.env, "PATH": f"{BIN}:{os.environ['PATH']}"}
    command += ["--dest-dir", str(out), "flowbiz.vsa"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path.name for path in out.glob("*.rst")}
    assert {f"{module}_module.rst" for module in vsa_tree.modules()} <= pages
    assert {f"{role}_role.rst" for role in vsa_tree.roles()} <= pages
