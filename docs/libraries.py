"""The libraries that each module needs, found by its imports: the requirements in its documentation, and those of an
execution environment.

A module needs what it imports, itself or through other files. A library is imported in ``with library(NAME):``.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import LIBRARIES

__all__ = ("needed_libraries", "required")

ROOT = Path(__file__).resolve().parent.parent
_OURS = "ansible_collections.flowbiz.vsa."
# ansible-core needs these itself, so every controller has them.
_OF_ANSIBLE = {"jinja2", "yaml"}
_PART = re.compile(r"(?m)^requirements: *\n(?: +- .*\n)+")


def required() -> dict[Path, str]:
    """Return every file that names requirements, by its path, with the requirements written again."""
    files = {path: _with_requirements(path) for path in _plugins("modules")}
    controller = {name for path in _plugins("action") for name in needed_libraries(path) - _OF_ANSIBLE}
    lines = sorted(requirement for name in controller for requirement in LIBRARIES[name].requirements)
    note = "# Made by `make docs`: what the action plugins import on the controller.\n"
    files[ROOT / "meta/ee-requirements.txt"] = note + "".join(f"{line}\n" for line in lines)
    return files


def _plugins(kind: str) -> list[Path]:
    return sorted(path for path in (ROOT / "plugins" / kind).glob("*.py") if path.stem != "__init__")


def _with_requirements(path: Path) -> str:
    """Return the source of a module with its requirements before its author."""
    text = _PART.sub("", path.read_text(encoding="utf-8"), count=1)
    lines = "".join(f"  - {line}\n" for line in _requirements(path))
    return text.replace("\nauthor:\n", f"\nrequirements:\n{lines}author:\n", 1)


def _requirements(module: Path) -> list[str]:
    packages = sorted(LIBRARIES[name].package for name in needed_libraries(module))
    on_host = ["Python 3.10 or newer on the host", *(f"{package} on the host" for package in packages)]
    action = ROOT / "plugins/action" / module.name
    names = needed_libraries(action) - _OF_ANSIBLE if action.is_file() else set()
    return on_host + sorted(f"{what} on the controller" for name in names for what in LIBRARIES[name].requirements)


def needed_libraries(path: Path) -> set[str]:
    """Return the libraries that a file of the collection imports, itself or through other files of the collection."""
    seen: set[Path] = set()
    waiting = [path]
    libraries: set[str] = set()
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            own, others = _imports(current)
            libraries |= own
            waiting += others
    return libraries


@functools.cache
def _imports(path: Path) -> tuple[frozenset[str], tuple[Path, ...]]:
    """Return the libraries and the files of the collection that one file imports."""
    libraries: set[str] = set()
    files: set[Path] = set()
    for node in _at_run_time(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("library", "MissingLibraryError"):
            first = node.args[0]
            libraries |= {first.value} if isinstance(first, ast.Constant) and first.value in LIBRARIES else set()
        elif isinstance(node, ast.ImportFrom):
            files |= set(_files(path, node))
    return frozenset(libraries), tuple(sorted(files))


def _at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it, without what only a type checker reads."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _at_run_time(child)


def _files(path: Path, node: ast.ImportFrom) -> Iterator[Path]:
    """Yield the files of the collection that one import statement names."""
    module = node.module or ""
    if node.level:
        folder = path.parents[node.level - 1] / module.replace(".", "/")
    elif module.startswith(_OURS):
        folder = ROOT / module.removeprefix(_OURS).replace(".", "/")
    else:
        return
    for candidate in (folder, *(folder / alias.name for alias in node.names)):
        if candidate.with_suffix(".py").is_file():
            yield candidate.with_suffix(".py")
