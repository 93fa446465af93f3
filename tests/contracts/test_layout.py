"""Where a file may stand, and whom it may import: the floors of module_utils."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import vsa_tree

HOST = Path("plugins/module_utils/_host")
UNIT = Path("tests/unit/plugins/module_utils/_host")
# The lower floor first. A package imports packages of lower floors and itself, never one beside it.
# A fifth floor, ("agent", "host"), comes with `vsa status` and the agent, which read all of the others.
FLOORS = (("machine",), ("store", "audit"), ("proxy", "cert"), ("auth", "site", "stack"))
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
# Files that only integration tests reach, from before this rule. A row may only be taken out.
UNTESTED = {
    "audit/audited.py",
    "audit/host_record.py",
    "audit/places.py",
    "audit/runs.py",
    "auth/listing.py",
    "auth/users.py",
    "cert/actions.py",
    "cert/ask_ca.py",
    "cert/clock_check.py",
    "cert/listing.py",
    "cert/revoke.py",
    "cert/served.py",
    "cert/timer/alerts.py",
    "cert/timer/install.py",
    "machine/docker_site.py",
    "proxy/commit.py",
    "proxy/explain.py",
    "proxy/module.py",
    "proxy/networks.py",
    "proxy/staging.py",
    "proxy/transaction.py",
    "site/apply.py",
    "site/apply_checks.py",
    "site/provision.py",
    "site/removal/run.py",
    "site/removal/words.py",
    "stack/finish.py",
    "stack/listing.py",
    "stack/module.py",
    "stack/reverse_proxy.py",
    "stack/up.py",
    "store/cert_options.py",
}

FILES = [path for path in vsa_tree.below(str(HOST), ".py") if path.name != "__init__.py"]


def package(path: Path) -> str:
    return path.relative_to(HOST).parts[0]


def imported(path: Path) -> set[str]:
    """Return the packages of _host that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(vsa_tree.text(path))):
        if isinstance(node, ast.ImportFrom) and node.level:
            place = list(path.parent.parts[: len(path.parent.parts) - node.level + 1])
            parts = [*place, *(node.module or "").split(".")][len(HOST.parts) :]
            if tuple(place[: len(HOST.parts)]) == HOST.parts:
                found |= {parts[0]} if parts and parts[0] else {alias.name for alias in node.names}
    return found & set(FLOOR)


def test_the_packages_are_the_floors() -> None:
    assert {package(path) for path in FILES} == set(FLOOR), "a new package gets a floor here"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_an_import_leads_down(path: Path) -> None:
    own = package(path)
    wrong = sorted(other for other in imported(path) if other != own and FLOOR[other] >= FLOOR[own])
    assert not wrong, f"{path} imports {wrong}: {own} stands on floor {FLOOR[own]}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_has_its_unit_tests(path: Path) -> None:
    test = UNIT / path.relative_to(HOST).with_name(f"test_{path.name}")
    there = test in vsa_tree.files()
    assert there != (str(path.relative_to(HOST)) in UNTESTED), f"{path}: {test} is {'there' if there else 'missing'}"
