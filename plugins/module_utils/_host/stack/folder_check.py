# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of stacks' folders for `vsa status`: what the next `stack up` would refuse there, named before it does.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.errors import VsaError
from ..._core.finding import WARNING, Finding
from ..store.layout import Paths
from ..store.stacks import known_stacks
from .folder import find_stack

__all__ = ("folder_findings",)


def folder_findings(paths: Paths) -> list[Finding]:
    """Return a finding for each stack whose folder has a link in the place of a directory or of the environment.

    What VSA itself keeps about the stack is read too, so that damaged files of it are known (store/documents.py).
    """
    found = []
    for tenant, name in known_stacks(paths):
        try:
            folder, _stack = find_stack(paths, name, tenant=tenant)
            folder.directories()
            folder.env()
            for read in (folder.record, folder.state.version, folder.good):
                read()
        except VsaError as error:
            remedy = "look at it, remove it, and mount the directory there (mount --bind) if it lies elsewhere"
            found.append(Finding("stack-folder", WARNING, f"{tenant}/{name}", error.message, remedy))
    return found
