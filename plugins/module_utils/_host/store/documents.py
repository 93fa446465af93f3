# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one reader of the JSON files that VSA wrote itself. A damaged file never stops a verb.

A file that is not UTF-8, not JSON or of another shape counts as missing, and is named at the end of the verb. A run
that changes the host moves the file aside first; whoever owns the file then makes it anew from what is live.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..._core.shape import Shape, misfit
from ..._core.words import escaped, shortened
from ..machine.files import read_bytes

__all__ = ("damaged", "left_to_a_later_step", "notes", "read_document", "repairing")

ASIDE = ".damaged"

_found: dict[Path, str] = {}
_moved: set[Path] = set()
_repairs: list[bool] = []


def read_document(path: Path, shape: Shape) -> Any:
    """Return the data of a JSON file of ours, None if there is no such file or the file is damaged."""
    try:
        content = read_bytes(path)
    except OSError as error:
        # A folder in the file's place, say.
        return _note(path, f"it cannot be read: {error.strerror}")
    if content is None:
        return None
    try:
        data = json.loads(content.decode())
    except UnicodeDecodeError:
        return _note(path, "it is not UTF-8")
    except (ValueError, RecursionError):
        return _note(path, "it is not JSON")
    problem = misfit(data, shape)
    return data if problem is None else _note(path, problem)


def damaged() -> dict[Path, str]:
    """Return the damaged files that this process met, each with what is wrong."""
    return dict(_found)


def notes() -> list[str]:
    """Return a line for each damaged file that was met, and forget the files."""
    lines = []
    for path, problem in sorted(_found.items()):
        consequence = "the next change of the host moves it aside and makes it anew"
        if path in _moved:
            consequence = f"it was moved to {path.name}{ASIDE}, and VSA went on with what is live"
        lines.append(f"{path} was damaged ({problem}): {consequence}")
    _found.clear()
    _moved.clear()
    return lines


@contextmanager
def repairing() -> Iterator[None]:
    """Move damaged files aside meanwhile: this run changes the host."""
    _repairs.append(True)
    try:
        yield
    finally:
        _repairs.pop()


@contextmanager
def left_to_a_later_step() -> Iterator[None]:
    """Name no damaged file that is met meanwhile: a later step of the same verb repairs the file, and names it."""
    before = dict(_found)
    try:
        yield
    finally:
        _found.clear()
        _found.update(before)


def _note(path: Path, problem: str) -> None:
    _found[path] = shortened(escaped(problem))
    if _repairs:
        with suppress(OSError):
            os.replace(path, path.with_name(f"{path.name}{ASIDE}"))
            _moved.add(path)
