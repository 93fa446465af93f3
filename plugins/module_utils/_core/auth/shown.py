# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the users of basic auth are shown.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..listing import Listing

__all__ = ("USERS",)

USERS = Listing(
    "auth",
    (
        ("DOMAIN", lambda entry: entry.get("domain")),
        ("PATH", lambda entry: entry.get("path")),
        ("STATE", lambda entry: entry.get("state")),
        ("USERS", lambda entry: entry.get("users")),
        ("PROBLEM", lambda entry: entry.get("problem")),
    ),
)
