# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that belong to VSA itself: no stack, container or alias of somebody else may have them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re

__all__ = ("RESERVED", "is_own_name", "is_reserved")

_PREFIX = "vsa-"
# While Compose recreates a container, the old one has this before its name.
_RECREATED = re.compile(r"\A[0-9a-f]{12}_")

RESERVED = ("docker-api", "observability", "reverse-proxy", "vsa")
"""The names of the collection's own stacks, and of VSA. Every name with the prefix vsa- is reserved too."""


def is_reserved(name: str) -> bool:
    """Say whether a name belongs to VSA itself."""
    return name.startswith(_PREFIX) or name in RESERVED


def is_own_name(name: str) -> bool:
    """Say whether a container has a name of VSA's own. No Compose file of others can give such a name."""
    return _RECREATED.sub("", name).startswith(_PREFIX)
