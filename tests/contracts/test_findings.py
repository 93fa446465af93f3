"""Every finding of `vsa status` has a name of its own form, and the how-to lists it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import vsa_tree

PAGE = Path("docs/howto/watch-a-host.md")


def names_in(path: Path) -> set[str]:
    """Return the names of the findings that a file makes; a name is written literally."""
    found = set()
    for node in ast.walk(ast.parse(vsa_tree.text(path))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding" and node.args:
            first = node.args[0]
            found |= {first.value} if isinstance(first, ast.Constant) and isinstance(first.value, str) else set()
    return found


FOUND = [(path, name) for path in vsa_tree.below("plugins/module_utils", ".py") for name in sorted(names_in(path))]


def test_there_are_findings() -> None:
    assert len(FOUND) > 20


@pytest.mark.parametrize(("path", "name"), FOUND, ids=[f"{path}:{name}" for path, name in FOUND])
def test_a_finding_is_in_the_how_to(path: Path, name: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name), f"{path}: {name}"
    assert re.search(rf"(?m)^\| [^|]*`{name}`", vsa_tree.text(PAGE)), f"{PAGE} does not list `{name}` of {path}"
