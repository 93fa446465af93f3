"""A host comes in once, under a name and an address of its own, and goes out everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsa.core import RefusedError, UsageError, VsaError
from vsa.fleet.keys import SSH_ARGUMENTS
from vsa.fleet.members import (
    Member,
    addition,
    adoption,
    host_variables,
    plain_files,
    refuse_taken,
    removal,
    same_address,
    stands_in,
)
from vsa.fleet.read import Fleet, read_fleet

HOSTS = """\
all:
  children:
    infomaniak:
      hosts:
        vps-01:
          ansible_host: 203.0.113.7
        vps-02:
          ansible_host: 203.0.113.8
          ansible_port: 2222
    web:
      hosts:
        web-[01:10]:
"""
AGENTS = "agents:\n  hosts:\n    vps-01:\n    vps-02:\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hosts.yml").write_text(HOSTS)
    (tmp_path / "roles.yml").write_text(AGENTS)
    (tmp_path / "openstack.yml").write_text("plugin: openstack.cloud.openstack\n")
    (tmp_path / "known_hosts").write_text("")
    (tmp_path / "host_vars/vps-01").mkdir(parents=True)
    (tmp_path / "host_vars/vps-01.yml").write_text("ansible_user: ops\n")
    return tmp_path


def fleet_of(folder: Path) -> Fleet:
    found = read_fleet(str(folder))
    assert found is not None
    return found


def member(**more: object) -> Member:
    values = {"name": "vps-09", "hostname": "vps-09.example.com", "address": "203.0.113.9", **more}
    return Member(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"name": "web-05"}, "range web-"),
        ({"name": "infomaniak"}, "a group has this name"),
        ({"address": "203.0.113.7"}, "vps-01 has this address"),
        ({"address": "203.0.113.8", "port": 2222}, "vps-02 has this address"),
    ],
)
def test_what_is_taken(folder: Path, more: dict[str, object], message: str) -> None:
    with pytest.raises(RefusedError, match=message) as caught:
        refuse_taken(fleet_of(folder), member(**more))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    "more", [{}, {"name": "web-11"}, {"name": "web-5"}, {"name": "web-005"}, {"address": "203.0.113.8", "port": 22}]
)
def test_what_is_free(folder: Path, more: dict[str, object]) -> None:
    refuse_taken(fleet_of(folder), member(**more))


def test_a_range_with_a_step_and_letters(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("web:\n  hosts:\n    db-[a:f:2]-[1:9:3]:\n")
    fleet = fleet_of(tmp_path)
    for name in ("db-a-1", "db-c-4", "db-e-7"):
        with pytest.raises(RefusedError, match="range"):
            refuse_taken(fleet, member(name=name))
    for name in ("db-b-1", "db-a-2", "db-g-1", "db-a-10"):
        refuse_taken(fleet, member(name=name))


def test_the_file_of_the_group_changes(folder: Path) -> None:
    made = addition(fleet_of(folder), member(provider="agents", port=2200))
    assert list(made) == [folder / "roles.yml"]
    (text,) = made.values()
    assert text.startswith(AGENTS + "    vps-09:\n      ansible_host: 203.0.113.9\n      ansible_port: 2200\n")
    assert list(addition(fleet_of(folder), member())) == [folder / "hosts.yml"]


def test_a_removal_takes_all_files(folder: Path) -> None:
    made, groups = removal(fleet_of(folder), "vps-01")
    assert groups == ["infomaniak", "agents"]
    assert made[folder / "roles.yml"] == "agents:\n  hosts:\n    vps-02:\n"
    assert "vps-01" not in made[folder / "hosts.yml"]
    assert host_variables(fleet_of(folder), "vps-01") == [folder / "host_vars/vps-01", folder / "host_vars/vps-01.yml"]


def test_a_host_of_a_range_is_removed_by_hand(folder: Path) -> None:
    with pytest.raises(RefusedError, match="one of the range"):
        removal(fleet_of(folder), "web-05")
    assert removal(fleet_of(folder), "vps-77") == ({}, [])


def test_a_known_host_gets_the_arguments_once(folder: Path) -> None:
    (path, text), *_ = adoption(fleet_of(folder), "vps-01").items()
    assert path == folder / "hosts.yml"
    path.write_text(text)
    assert fleet_of(folder).own_value("vps-01", "ansible_ssh_extra_args") == SSH_ARGUMENTS
    assert adoption(fleet_of(folder), "vps-01") == {}


def test_arguments_of_the_operator_are_not_replaced(folder: Path) -> None:
    (folder / "host_vars/vps-02.yml").write_text("ansible_ssh_extra_args: -o ProxyJump=bastion\n")
    with pytest.raises(RefusedError, match="of its own"):
        adoption(fleet_of(folder), "vps-02")


@pytest.mark.parametrize(
    ("file", "value"),
    [
        ("host_vars/vps-01/ssh.yml", "-o UserKnownHostsFile=~/.ssh/fleet"),
        ("group_vars/infomaniak.yml", "-o 'StrictHostKeyChecking no'"),
        ("group_vars/all.yml", "-C -o ProxyJump=bastion -o hostkeyalias=other"),
    ],
)
@pytest.mark.parametrize("variable", ["ansible_ssh_args", "ansible_ssh_common_args"])
def test_arguments_that_win_over_those_of_the_key_are_refused(
    folder: Path, file: str, value: str, variable: str
) -> None:
    """SSH takes the first value of an option: the key would be looked for elsewhere, or not checked at all."""
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(f"{variable}: {value}\n")
    with pytest.raises(RefusedError, match="would not check vps-01") as refused:
        adoption(fleet_of(folder), "vps-01")
    assert refused.value.field == variable
    if "vps-01" not in file:
        with pytest.raises(RefusedError, match="would not check vps-09"):
            addition(fleet_of(folder), member(provider="infomaniak"))


def test_other_arguments_of_ssh_stay(folder: Path) -> None:
    text = "ansible_ssh_common_args: -o ProxyJump=bastion -o StrictHostKeyChecking=yes\n"
    (folder / "group_vars").mkdir()
    (folder / "group_vars/infomaniak.yml").write_text(text)
    assert adoption(fleet_of(folder), "vps-01")
    assert addition(fleet_of(folder), member(provider="infomaniak"))


def test_a_file_that_cannot_be_changed_gives_the_lines(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("infomaniak: {hosts: {vps-01: }}\n")
    with pytest.raises(VsaError, match="cannot be changed line by line") as caught:
        addition(fleet_of(tmp_path), member(provider="infomaniak"))
    assert any("vps-09:" in str(line) for line in caught.value.details)
    assert (tmp_path / "hosts.yml").read_text() == "infomaniak: {hosts: {vps-01: }}\n"


@pytest.mark.parametrize(
    ("name", "text"), [("hosts.ini", "[web]\na\n"), ("hosts.yml", "plugin: openstack.cloud.openstack\n")]
)
def test_an_inventory_that_is_only_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match="only reads it"):
        plain_files(fleet_of(tmp_path))


def test_a_port_of_the_group_counts_beside_a_range(folder: Path) -> None:
    (folder / "openstack.yml").unlink()
    (folder / "group_vars").mkdir()
    (folder / "group_vars/infomaniak.yml").write_text("ansible_port: 2200\n")
    fleet = fleet_of(folder)
    assert fleet.groups is None
    assert fleet.address("vps-01") == ("203.0.113.7", 2200)
    assert same_address(fleet, "203.0.113.7", 2200, besides="vps-09") == "vps-01"


def test_who_stands_where(folder: Path) -> None:
    fleet = fleet_of(folder)
    assert stands_in(fleet, "vps-01")
    assert not stands_in(fleet, "web-05")
    assert same_address(fleet, "203.0.113.7", 22, besides="vps-09") == "vps-01"
    assert same_address(fleet, "203.0.113.7", 22, besides="vps-01") is None
