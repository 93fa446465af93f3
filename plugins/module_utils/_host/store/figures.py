# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of the host for node-exporter: text files in a directory that its container mounts.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..machine.files import make_directory, write_atomically
from .layout import Paths

__all__ = ("write_figures",)


def write_figures(paths: Paths, name: str, text: str) -> str | None:
    """Write the file ``<name>.prom``. Returns why that failed, None if it did not: no verb fails because of figures."""
    folder = paths.state / "metrics"
    try:
        make_directory(folder.parent, mode=0o750)
        make_directory(folder, mode=0o755)
        write_atomically(folder / f"{name}.prom", text, mode=0o644)
    except OSError as error:
        return f"the figures of {name} were not written: {error.strerror}"
    return None
