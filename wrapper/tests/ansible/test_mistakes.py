"""File and line of a YAML mistake, in the inventory and in its files of variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsa.ansible.mistakes import find_mistake


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A directory with an inventory and files of variables, all of them right."""
    for name, text in (
        ("hosts.yml", "all: {hosts: {vps-01: {}}}\n"),
        ("host_vars/vps-01.yml", "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3231\n"),
        ("host_vars/vps-02/sites.yml", "vsa_sites: {}\n"),
        ("group_vars/all.yml", "$ANSIBLE_VAULT;1.1;AES256\n: [\n"),
        ("group_vars/README.md", ": [\n"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize("inventory", ["hosts.yml", "."])
@pytest.mark.parametrize(
    ("name", "line"), [("host_vars/vps-01.yml", 2), ("host_vars/vps-02/sites.yml", 2), ("group_vars/web", 2)]
)
def test_finding_11_a_mistake_is_found_with_its_line(fleet: Path, inventory: str, name: str, line: int) -> None:
    assert find_mistake(str(fleet / inventory)) is None
    (fleet / name).write_text("a: 1\nb: [}\nc: 2\n")
    found = find_mistake(str(fleet / inventory))
    assert found is not None
    assert (found.path, found.line, found.place) == (fleet / name, line, f"{fleet / name}:{line}")
    assert found.words


def test_a_mistake_in_the_inventory_itself(fleet: Path) -> None:
    (fleet / "hosts.yml").write_text("all:\n  hosts:\n\tvps-01: {}\n")
    found = find_mistake(str(fleet / "hosts.yml"))
    assert found is not None
    assert found.line == 3


def test_what_cannot_be_read(fleet: Path) -> None:
    (fleet / "group_vars/web.yml").write_bytes(b"a: \xff\n")
    found = find_mistake(str(fleet))
    assert found is not None
    assert (found.place, found.words) == (str(fleet / "group_vars/web.yml"), "it is not UTF-8")


@pytest.mark.parametrize("inventory", [None, "vps-01,", "/nowhere/hosts.yml"])
def test_nothing_to_look_at(inventory: str | None) -> None:
    found = find_mistake(inventory)
    assert found is None or "cannot be read" in found.words
