# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's version where galaxy.yml is out of reach: in modules, on a host. A contract test compares the two.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

__all__ = ("VERSION",)

VERSION = "0.1.0"
