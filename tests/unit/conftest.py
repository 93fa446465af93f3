# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all unit tests of a process share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._bytecode import Kept


@pytest.fixture(scope="session", autouse=True)
def _templates_are_compiled_once() -> Iterator[None]:
    """Share the code of templates, as a host does between runs: each test has a host without any, and would compile."""
    known: dict[tuple[str, bytes], CodeType] = {}
    code = Kept.code

    def shared(self: Kept, name: str, source: bytes, make: Callable[[], CodeType] | None = None) -> CodeType:
        if make is None or not name.endswith(".j2"):
            return code(self, name, source, make)
        key = (name, source)
        if key not in known:
            known[key] = code(self, name, source, make)
        return known[key]

    patch = pytest.MonkeyPatch()
    patch.setattr(Kept, "code", shared)
    yield
    patch.undo()
