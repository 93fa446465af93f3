# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the runs of backups are shown.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ...listing import Listing
from ...times import time_since

__all__ = ("BACKUPS",)


def _age(seconds: object) -> str | None:
    return time_since(seconds) if isinstance(seconds, int) else None


def _size(size: object) -> str | None:
    return f"{size / (1 << 20):.1f} MiB" if isinstance(size, int) else None


BACKUPS = Listing(
    "backups",
    (
        ("RUN", lambda run: run.get("run")),
        ("STACK", lambda run: run.get("stack")),
        ("TENANT", lambda run: run.get("tenant")),
        ("FROM", lambda run: run.get("host")),
        ("AGE", lambda run: _age(run.get("age"))),
        ("STATE", lambda run: "complete" if run.get("complete") else "not complete"),
        ("SIZE", lambda run: _size(run.get("size"))),
    ),
)
