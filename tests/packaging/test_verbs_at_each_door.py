"""Verbs run at each door: the controller's half with its libraries, and the module on a host without a proxy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vsa_tree
from conftest import install
from vsa_door import Door

# A host without a proxy refuses these, so the module of the verb answered. A missing library would end them before.
VERBS = {
    "auth.add": [
        "--check",
        "-e",
        "domain=shop.example.com",
        "-e",
        "auth_user=alice",
        "-e",
        "auth_password_file={password}",
    ],
    "auth.remove": ["--check", "-e", "domain=shop.example.com", "-e", "auth_user=alice"],
    "site.show": ["-e", "domain=shop.example.com"],
}
REFUSAL = re.compile(r"this host has no such site|this host has no reverse proxy yet")


@pytest.fixture
def password(tmp_path: Path) -> Path:
    """A password file."""
    path = tmp_path / "password"
    path.write_text("correct horse\n", encoding="utf-8")
    return path


def run_verb(door: Door, inventory: Path, verb: str, password: Path) -> str:
    """Run a verb by its playbook and return what Ansible printed."""
    words = [word.format(password=password) for word in VERBS[verb]]
    done = door.run("ansible-playbook", "-i", str(inventory), f"flowbiz.vsa.{verb}", *words, check=False)
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_runs_at_each_door(door: Door, this_machine: Path, verb: str, password: Path) -> None:
    said = run_verb(door, this_machine, verb, password)
    assert REFUSAL.search(said), said


def test_the_command_of_the_wheel_adds_a_user(wheel: Door, this_machine: Path) -> None:
    words = ["auth", "add", "--domain", "shop.example.com", "--user", "alice", "--generate"]
    done = wheel.run("vsa", "-i", str(this_machine), "--check", *words, check=False)
    assert REFUSAL.search(done.stdout), done.stdout


def test_ansible_core_alone_is_told_which_library_is_missing(
    core_alone: Door, this_machine: Path, password: Path
) -> None:
    words = ("--check", "-e", "stack_name=reverse-proxy")
    done = core_alone.run("ansible-playbook", "-i", str(this_machine), "flowbiz.vsa.stack.up", *words, check=False)
    assert "the collection community.docker is missing on the controller" in done.stdout, done.stdout
    assert "-m pip install ansible" in done.stdout
    said = run_verb(core_alone, this_machine, "auth.add", password)
    assert "the library passlib is missing on the controller" in said
    assert re.search(r"-m pip install '?libpass>=1\.9'? '?bcrypt>=4\.2", said)
    # The last release of passlib cannot hash with bcrypt 5.
    install(core_alone, "passlib==1.7.4", "bcrypt==5.0.0")
    said = run_verb(core_alone, this_machine, "auth.add", password)
    assert "passlib 1.7.4" in said
    assert "pip uninstall passlib" in said
    # The way out that README and error name, and what an execution environment installs.
    core_alone.run("python", "-c", "import shutil, passlib; shutil.rmtree(passlib.__path__[0])")
    install(core_alone, "--reinstall", "-r", str(core_alone.collection / "meta/ee-requirements.txt"))
    assert REFUSAL.search(run_verb(core_alone, this_machine, "auth.add", password))


def test_an_execution_environment_installs_what_the_action_plugins_import(artifact: Door) -> None:
    metadata = vsa_tree.yaml.safe_load((artifact.collection / "meta/execution-environment.yml").read_text())
    for name in metadata["dependencies"].values():
        assert (artifact.collection / name).is_file()
