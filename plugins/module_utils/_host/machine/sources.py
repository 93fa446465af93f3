# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of this collection's own files, for programs that run on a host without a controller.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ("as_root", "imported_sources", "needed_sources", "starting_program")

_PACKAGE = "ansible_collections.flowbiz.vsa.plugins.module_utils"


def imported_sources() -> dict[str, str]:
    """Return the text of each file of this collection that is imported by now, by its path in a directory of packages.

    Those are all files that the caller's program needs, if the caller imports the program.
    """
    texts = {}
    for name, module in sorted(sys.modules.items()):
        if name.startswith(f"{_PACKAGE}._") and getattr(module, "__file__", None):
            loader = getattr(module, "__loader__", None)
            text = loader.get_source(name) if loader is not None else None
            suffix = "/__init__.py" if hasattr(module, "__path__") else ".py"
            texts[name.replace(".", "/") + suffix] = text or ""
    parts = _PACKAGE.split(".")
    for count in range(1, len(parts) + 1):
        texts["/".join([*parts[:count], "__init__.py"])] = ""
    return texts


def needed_sources(*modules: str) -> dict[str, str]:
    """Return the text of each file of this collection that these modules import, at any time, by its path.

    For a program that imports much only when it needs it. None of the modules has to be imported yet.
    """
    texts: dict[str, str] = {}
    wanted = list(modules)
    while wanted:
        name = wanted.pop()
        path = name.replace(".", "/")
        if f"{path}.py" in texts or f"{path}/__init__.py" in texts:
            continue
        found = importlib.util.find_spec(name)
        loader: Any = found.loader if found else None
        if found is None or not hasattr(loader, "get_source"):
            continue  # a name in a file, not a file
        text = loader.get_source(name) or ""
        package = bool(found.submodule_search_locations)
        texts[f"{path}/__init__.py" if package else f"{path}.py"] = text
        wanted += _imports(text, name if package else name.rpartition(".")[0])
    return {**_packages(texts), **texts}


def _imports(text: str, package: str) -> list[str]:
    """Return the full names of what a file of ``package`` imports from this collection, functions included."""
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
        module = f"{base}.{node.module}" if node.module else base
        names += [module, *(f"{module}.{entry.name}" for entry in node.names if node.module is None)]
    return names


def _packages(paths: Iterable[str]) -> dict[str, str]:
    """Return an empty file for each package above some files."""
    made: dict[str, str] = {}
    for path in paths:
        parts = path.split("/")[:-1]
        for count in range(1, len(parts) + 1):
            made["/".join([*parts[:count], "__init__.py"])] = ""
    return made


def starting_program(module: str, directory: str, *, note: str) -> str:
    """Return a program that calls ``main`` of a module and ends with the code that it returns.

    The files of ``imported_sources`` lie in ``directory`` of the host. ``note`` is a comment line about the writer.
    """
    return f"""#!/usr/bin/python3
{note}import sys

sys.dont_write_bytecode = True
sys.path.insert(0, "{directory}")

from {module} import main

sys.exit(main())
"""


def as_root(run: Callable[[], int]) -> int:
    """Run the work of such a program, whose files others cannot read. Returns its code, and 2 if it is not root."""
    if os.geteuid() != 0:
        sys.stderr.write("this needs root\n")
        return 2
    os.umask(0o027)
    return run()
