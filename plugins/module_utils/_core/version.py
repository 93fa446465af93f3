# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The version and the address of the project, for modules on a host, which has no galaxy.yml. Tests compare both.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

__all__ = ("REPOSITORY", "VERSION")

VERSION = "0.1.0"
REPOSITORY = "https://github.com/flowbiz/vsa"
"""The address of the project, for links in errors. A contract test compares the address with galaxy.yml."""
