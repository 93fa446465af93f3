"""The values of a host are those that Ansible finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.manager import VariableManager

from vsa.fleet.read import read_fleet

HOSTS = """
all:
  vars: {x: all-inline, y: all-inline}
  children:
    europe:
      vars: {x: europe-inline, w: europe-inline}
      children:
        infomaniak:
          vars: {w: infomaniak-inline}
          hosts: {vps-01: {x: host-inline, ansible_host: 203.0.113.7}, vps-02: {ansible_host: 203.0.113.8}}
    agents:
      hosts: {vps-02: , vps-03: }
"""
FILES = {
    "group_vars/all.yml": "y: all-file\nz: all-file\n",
    "group_vars/europe.yml": "z: europe-file\n",
    "group_vars/agents/a.yml": "v: agents-a\n",
    "group_vars/agents/b.yml": "v: agents-b\n",
    "group_vars/infomaniak.yml": "v: infomaniak-file\n",
    "host_vars/vps-01.yml": "x: host-file\n",
    "host_vars/vps-02/z.yml": "v: host-folder\n",
    "host_vars/vps-02.yml": "v: hidden by the folder\n",
    "host_vars/vps-03.yml.example": "v: no\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hosts.yml").write_text(HOSTS)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("source", ["hosts.yml", ""])
def test_values_are_ansible_s(folder: Path, source: str) -> None:
    inventory = folder / source if source else folder
    loader = DataLoader()
    manager = InventoryManager(loader=loader, sources=[str(inventory)])
    variables = VariableManager(loader=loader, inventory=manager)
    fleet = read_fleet(str(inventory))
    assert fleet is not None
    for name in ("vps-01", "vps-02", "vps-03"):
        there = variables.get_vars(host=manager.get_host(name))
        for variable in "vwxyz":
            assert fleet.value(name, variable) == there.get(variable), f"{variable} of {name}"


def test_addresses(folder: Path) -> None:
    fleet = read_fleet(str(folder))
    assert fleet is not None
    assert fleet.address("vps-01") == ("203.0.113.7", 22)
    assert fleet.address("vps-03") == ("vps-03", 22)
    assert fleet.groups_of("vps-02") == ("europe", "infomaniak", "agents")


@pytest.mark.parametrize("inventory", [None, "a,b,"])
def test_what_is_no_file_is_no_fleet(inventory: str | None) -> None:
    assert read_fleet(inventory) is None


def test_a_fleet_that_only_ansible_knows_has_its_variables(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("vps-01\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("vsa_ipv6: true\n")
    fleet = read_fleet(str(tmp_path / "hosts.ini"))
    assert fleet is not None
    assert fleet.groups is None
    assert [variables.of for variables in fleet.all_variables()] == ["all"]
