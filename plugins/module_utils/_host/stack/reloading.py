# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services of a stack have to be told by a signal that the files that they mount have changed.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from pathlib import Path

from ..._core.stack.env import parse_env, stack_variables
from ..._core.stack.manifest import BY_ITSELF, Reload, Stack
from ..._core.stack.mounted import Part, mounted_parts, read_again
from ..._core.stack.policy import said_by_compose
from ..store.layout import Paths
from ..store.stacks import Version

__all__ = ("services_to_reload",)


def services_to_reload(stack: Stack, version: Version, good: Version | None, *, paths: Paths) -> list[Reload]:
    """Return the services whose mounted files differ from those of the last good version. None if there was none."""
    if not stack.reload or good is None or not good.config:
        return []
    folder = str(Path(paths.root, stack.folder))
    before, after = (_parts(found, folder) for found in (good, version))
    told = [entry for entry in stack.reload if entry.signal != BY_ITSELF]
    return [entry for entry in told if read_again(entry, before) != read_again(entry, after)]


def _parts(version: Version, folder: str) -> dict[str, list[Part]]:
    config = said_by_compose(version.config)
    variables = parse_env(stack_variables(version.files, version.env))
    return mounted_parts(config, version.files, variables, folder=folder)
