# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of this collection's own files, for programs that run on a host without a controller.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import sys

__all__ = ("imported_sources", "starting_program")

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
