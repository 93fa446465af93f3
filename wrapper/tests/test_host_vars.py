"""Declarations are written beside the inventory, and no variable of a host is lost. Finding 13."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader

from vsa.core import UsageError
from vsa.host_vars import write_declarations

TEXT = "# The sites of vps-01.\nvsa_sites:\n  a.example.com: {}"


def write(tmp_path: Path, **more: str) -> list[Path]:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {vps-01: {}}}\n")
    return write_declarations({"vps-01": TEXT, **more}, inventory=str(tmp_path / "hosts.yml"))


def test_finding_13_the_file_is_one_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "host_vars/vps-01").mkdir(parents=True)
    (tmp_path / "host_vars/vps-01/vars.yml").write_text("ansible_user: root\n")
    assert write(tmp_path) == [tmp_path / "host_vars/vps-01/sites.yml"]
    assert write(tmp_path)[0].read_text() == TEXT + "\n"
    # Ansible reads both.
    read = DataLoader().find_vars_files(str(tmp_path / "host_vars"), "vps-01")
    assert [Path(name.decode() if isinstance(name, bytes) else name).name for name in read] == ["sites.yml", "vars.yml"]


def test_a_directory_as_inventory(tmp_path: Path) -> None:
    assert write_declarations({"vps-01": TEXT}, inventory=str(tmp_path)) == [tmp_path / "host_vars/vps-01/sites.yml"]


@pytest.mark.parametrize("name", ["vps-01.yml", "vps-01.yaml", "vps-01.json", "vps-01"])
def test_a_file_that_the_directory_would_hide_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars" / name).write_text("ansible_user: root\n")
    with pytest.raises(UsageError, match="would no longer read"):
        write(tmp_path)
    assert [path.name for path in (tmp_path / "host_vars").iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("sites.yml", "ansible_user: root\nvsa_sites: {}\n", "other variables"),
        ("vars.yml", "ansible_user: root\nvsa_sites: {}\n", "another file"),
    ],
)
def test_finding_13_other_variables_are_never_written_over(tmp_path: Path, name: str, text: str, message: str) -> None:
    folder = tmp_path / "host_vars/vps-01"
    folder.mkdir(parents=True)
    (folder / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        write(tmp_path)
    assert (folder / name).read_text() == text


def test_one_host_that_is_refused_leaves_the_others_unwritten(tmp_path: Path) -> None:
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars/vps-02.yml").write_text("a: 1\n")
    with pytest.raises(UsageError):
        write(tmp_path, **{"vps-02": TEXT})
    assert not (tmp_path / "host_vars/vps-01").exists()


@pytest.mark.parametrize("inventory", [None, "a,b,"])
def test_hosts_without_a_file_have_no_variables(inventory: str | None) -> None:
    with pytest.raises(UsageError, match="no inventory file"):
        write_declarations({"vps-01": TEXT}, inventory=inventory)
