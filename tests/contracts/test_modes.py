"""Whoever runs a verb may have any umask: what other users need gets its mode after it is made.

mkdir(2) and open(2) take the bits of the caller's umask away, also from a mode that the call names. So directories and
files come from make_directory, write_new, write_atomically (machine/files.py) and walk (machine/walk.py). What root
alone needs (no bits for group and others) may be made in any way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import vsa_tree

HOST = Path("plugins/module_utils/_host")
FILES = [path for path in vsa_tree.below(str(HOST), ".py") if path.name != "__init__.py"]
# The helpers themselves.
HELPERS = {HOST / "machine/files.py", HOST / "machine/walk.py"}
# Uses for what root alone reads, each with its reason.
ROOT_ALONE = {
    ("machine/compose_hash.py", "write_text"): "a file of mode 0600 in a temporary directory",
    ("audit/places.py", "write_text"): "in the directory of the trail, which its owner alone may enter",
}
MAKERS = {"mkdir", "makedirs", "touch", "write_text", "write_bytes", "copy", "copytree", "copyfile"}
CREATES = {"O_CREAT"}


def constants(tree: ast.Module) -> dict[str, int]:
    """Return the numbers that a file gives names."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, int):
            found.update({target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)})
    return found


def mode_of(call: ast.Call, known: dict[str, int]) -> int | None:
    """Return the mode that a call names, None if it names none."""
    named = [word.value for word in call.keywords if word.arg == "mode"]
    for value in [*named, *call.args[1:]]:
        if isinstance(value, ast.Constant) and isinstance(value.value, int):
            return value.value
        if isinstance(value, ast.Name) and value.id in known:
            return known[value.id]
    return None


def calls(path: Path) -> Iterator[tuple[str, ast.Call, str]]:
    """Return each call that makes a file or a directory: its name, the call, and the text of the function around it."""
    tree = ast.parse(vsa_tree.text(path))
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for function in functions:
        text = ast.unparse(function)
        for node in ast.walk(function):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            name = node.func.attr
            creates = name == "open" and any(word in ast.unparse(node) for word in CREATES)
            if name in MAKERS or creates:
                yield name, node, text


def problems(path: Path) -> list[str]:
    """Return the calls of a file whose result depends on the caller's umask."""
    known = constants(ast.parse(vsa_tree.text(path)))
    found = []
    for name, call, around in calls(path):
        mode = mode_of(call, known)
        of_root_alone = mode is not None and not mode & 0o077
        set_afterwards = any(word in around for word in (".fchmod(", ".chmod("))
        excused = (str(path.relative_to(HOST)), name) in ROOT_ALONE
        if not (of_root_alone or set_afterwards or excused):
            found.append(f"{path}:{call.lineno}: {ast.unparse(call)}")
    return found


@pytest.mark.parametrize("path", [path for path in FILES if path not in HELPERS], ids=str)
def test_no_mode_depends_on_the_umask(path: Path) -> None:
    found = problems(path)
    assert not found, f"{found}: use make_directory, write_new or write_atomically, or set the mode afterwards"


def test_the_rows_are_uses() -> None:
    used = {(str(path.relative_to(HOST)), name) for path in FILES for name, _call, _text in calls(path)}
    assert set(ROOT_ALONE) <= used


def test_the_search_finds_what_it_is_for() -> None:
    names = {name for path in FILES for name, _call, _text in calls(path)}
    assert {"mkdir", "open"} <= names
