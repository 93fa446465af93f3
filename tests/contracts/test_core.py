"""The core is pure: values in, values out, from the standard library alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import vsa_tree

CORE_DIRECTORY = Path("plugins/module_utils/_core")
CORE = vsa_tree.below(str(CORE_DIRECTORY), ".py")

# All further imports that a file may have. render.py renders templates.
ALLOWED = {"render.py": {"jinja2"}, "forms.py": {"idna"}}

# Modules that act on the machine, or ask the machine for what should be an argument (time, paths, chance).
EFFECTS = {
    "subprocess",
    "socket",
    "shutil",
    "tempfile",
    "pathlib",
    "urllib",
    "http",
    "ssl",
    "time",
    "random",
    "secrets",
    "fcntl",
    "signal",
}
CALLS = {("os", "environ"), ("datetime", "now"), ("datetime", "today"), ("datetime", "utcnow"), ("date", "today")}


def imports(path: Path) -> set[str]:
    """Return what a file of the core imports from outside of the core, relative imports above `_core` included."""
    found: set[str] = set()
    depth = len(path.relative_to(CORE_DIRECTORY).parts)
    for node in ast.walk(ast.parse(vsa_tree.text(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
        elif isinstance(node, ast.ImportFrom) and node.level > depth:
            found.add("." * node.level + (node.module or ""))
    return found


def test_there_is_a_core() -> None:
    assert len(CORE) > 5


@pytest.mark.parametrize("path", CORE, ids=str)
def test_imports_the_standard_library_alone(path: Path) -> None:
    allowed = set(sys.stdlib_module_names) | ALLOWED.get(path.name, set())
    foreign = {name for name in imports(path) if name.split(".")[0] not in allowed}
    assert not foreign, f"{path} imports {sorted(foreign)}"


@pytest.mark.parametrize("path", CORE, ids=str)
def test_has_no_effects_and_asks_nothing(path: Path) -> None:
    tree = ast.parse(vsa_tree.text(path))
    acting = {name for name in imports(path) if name.split(".")[0] in EFFECTS}
    assert not acting, f"{path} imports {sorted(acting)}: time, paths and chance are arguments, effects belong to _host"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in CALLS, (
                f"{path}:{node.lineno} asks the machine: make it an argument"
            )
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input", "exec", "eval"}, (
                f"{path}:{node.lineno} calls {node.func.id}()"
            )
