"""Each library that a host needs is guarded where it is imported, installed by bootstrap, and pinned once."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import LIBRARIES

import vsa_tree

CODE = [*vsa_tree.below("plugins/module_utils", ".py"), *vsa_tree.below("plugins/action", ".py")]
# This file uses the classes of Jinja in annotations, so it imports at its top, and asks at its first use.
AT_THE_TOP = {Path("plugins/module_utils/_core/proxy/render.py")}
# Not libraries of ours: Ansible itself, and what Debian's packages of Python's own interpreter bring.
OURS = {"ansible", "ansible_collections", "apt"}
PLATFORMS = ("Debian", "Ubuntu")
# Besides the libraries: CA certificates, Python itself, and what Ansible's module apt imports.
BESIDES = {"ca-certificates", "python3", "python3-apt"}


def unguarded(node: ast.AST, guards: frozenset[str] = frozenset()) -> Iterator[tuple[str, int]]:
    """Yield each import of a library that does not stand in `with library(NAME):`, with its line."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.With):
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        named = {ast.literal_eval(call.args[0]) for call in calls if ast.unparse(call.func) == "library"}
        guards = guards | named
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        names = [node.module or ""]
    for name in names:
        root = name.split(".")[0]
        if root not in sys.stdlib_module_names | OURS | guards:
            yield root, node.lineno
    for child in ast.iter_child_nodes(node):
        yield from unguarded(child, guards)


@pytest.mark.parametrize("path", CODE, ids=str)
def test_an_import_of_a_library_is_guarded(path: Path) -> None:
    found = list(unguarded(ast.parse(vsa_tree.text(path))))
    if path in AT_THE_TOP:
        assert "MissingLibraryError" in vsa_tree.text(path)
        return
    assert not found, f"{path} imports {found} outside of `with library(…)` (_core/libraries.py)"


def test_the_check_of_imports_finds_what_is_wrong() -> None:
    bad = "with library('yaml'):\n    import yaml\n    import dns.resolver\n\nimport ruamel.yaml\n"
    assert list(unguarded(ast.parse(bad))) == [("dns", 3), ("ruamel", 5)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_bootstrap_installs_every_library_of_a_host(platform: str) -> None:
    packages = set(vsa_tree.data(Path(f"roles/bootstrap/vars/{platform}.yml"))["__bootstrap_packages"])
    assert packages - BESIDES == {entry.package for entry in LIBRARIES.values() if entry.package}


def test_what_pip_is_told_to_install_is_what_the_project_depends_on() -> None:
    project = tomllib.loads(vsa_tree.text(Path("pyproject.toml")))["project"]
    told = {requirement for entry in LIBRARIES.values() for requirement in entry.requirements}
    assert told <= set(project["dependencies"])


def test_every_dependency_has_a_row_that_says_who_uses_it_and_why() -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads(vsa_tree.text(Path("pyproject.toml")))["project"]
    extras = [item for extra in project["optional-dependencies"].values() for item in extra]
    declared = {Requirement(text).name for text in [*project["dependencies"], *extras]}
    declared |= set(vsa_tree.data(Path("galaxy.yml"))["dependencies"])
    declared |= {entry.package for entry in LIBRARIES.values() if entry.package}
    section = vsa_tree.text(Path("docs/architecture.md")).split("## Dependencies\n")[1].split("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row[1])} - set(project["optional-dependencies"])
    # Two names of one library: the distribution's for a host, and pip's for the tests.
    twins = {"ruamel-yaml": "python3-ruamel.yaml", "dnspython": "python3-dnspython", "requests": "python3-requests"}
    assert {twins.get(name, name) for name in declared} == named
    assert all(len(row) == 5 and row[2].strip() and row[3].strip() for row in rows)
