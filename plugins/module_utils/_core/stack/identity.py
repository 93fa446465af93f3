# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a stack is: its tenant and its name, and the Compose project that both of them make.

Values in, values out. Note that this module is **private** to the collection.
"""

from __future__ import annotations

from .rules.facts import PLATFORM

__all__ = ("compose_project",)


def compose_project(tenant: str, name: str) -> str:
    """Return the Compose project of a new stack. Stacks of our own have their bare name."""
    return name if tenant == PLATFORM else f"{tenant}-{name}"
