"""Which ansible.cfg is in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsa.ansible.config import Config, find_config


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / "clone/collections").mkdir(parents=True)
    (tmp_path / "clone/galaxy.yml").touch()
    (tmp_path / "clone/ansible.cfg").write_text("[defaults]\ninventory = inventories/example/hosts.yml\n")
    (tmp_path / "here").mkdir()
    return tmp_path


def test_the_clones_is_found_from_anywhere(clone: Path) -> None:
    found = find_config({}, here=clone / "here", root=clone / "clone/collections")
    assert found == Config(clone / "clone/ansible.cfg", inventory=str(clone / "clone/inventories/example/hosts.yml"))


def test_the_one_here_comes_first(clone: Path) -> None:
    (clone / "here/ansible.cfg").write_text("[defaults]\ninterpreter_python = /usr/bin/python3.12\ninventory = a,b\n")
    found = find_config({}, here=clone / "here", root=clone / "clone/collections")
    assert found == Config(clone / "here/ansible.cfg", inventory="a,b", interpreter="/usr/bin/python3.12")


def test_a_directory_that_all_may_write_is_passed_over(clone: Path) -> None:
    (clone / "here/ansible.cfg").touch()
    (clone / "here").chmod(0o777)
    assert find_config({}, here=clone / "here", root=clone / "clone/collections").path == clone / "clone/ansible.cfg"


def test_the_named_one_comes_before_all(clone: Path) -> None:
    named = clone / "named.cfg"
    named.write_text("[defaults\nbroken")
    (clone / "here/ansible.cfg").touch()
    caller = {"ANSIBLE_CONFIG": str(named)}
    assert find_config(caller, here=clone / "here", root=clone / "clone/collections") == Config(named)


def test_a_wheel_has_none_of_its_own(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(clone))
    (clone / "clone/galaxy.yml").unlink()
    found = find_config({}, here=clone / "here", root=clone / "clone/collections")
    assert found == (Config() if not Path("/etc/ansible/ansible.cfg").exists() else found)
