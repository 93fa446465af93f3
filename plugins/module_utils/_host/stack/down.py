# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack down`: find the folder in which Compose removes the containers, and report what Compose did.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..._core.result import CHANGED, OK, WOULD_CHANGE, Result, Step
from ..store.layout import Paths
from .folder import find_stack

__all__ = ("StackDownRequest", "find_folder", "report_down")


@dataclass(frozen=True)
class StackDownRequest:
    """What Compose did to a stack: ``removed`` says whether Compose removed containers or networks."""

    name: str
    removed: bool


def find_folder(name: str, *, paths: Paths | None = None) -> Result:
    """Return the folder of a stack of this host. RefusedError if the host has no stack of that name."""
    folder, stack = find_stack(paths or Paths(), name)
    return Result(data={"stack": stack.name, "folder": str(folder.path)})


def report_down(request: StackDownRequest, *, check: bool, paths: Paths | None = None) -> Result:
    """Return what Compose did as a step, so that the operator and the host's audit trail get it."""
    _folder, stack = find_stack(paths or Paths(), request.name)
    if not request.removed:
        step = Step("stack", OK, "it did not run")
    elif check:
        step = Step("stack", WOULD_CHANGE, "its containers would be removed, its data stays")
    else:
        step = Step("stack", CHANGED, "its containers are removed, its data stays")
    return Result(changed=request.removed, steps=(step,), data={"stack": stack.name})
