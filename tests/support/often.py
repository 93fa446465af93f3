# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a table that takes minutes on a host: some run with every change, the others with `make test-long`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest

__all__ = ("rows",)


def rows(names: Iterable[str], *, often: Collection[str]) -> list[Any]:
    """Return the names as parameters of a test. Those that are not in ``often`` are marked `long`."""
    known = list(names)
    assert set(often) <= set(known), f"no rows: {set(often) - set(known)}"
    return [pytest.param(name, id=name, marks=() if name in often else pytest.mark.long) for name in known]
