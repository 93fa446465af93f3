# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifests of a host as an inventory would declare them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import Any

from ..._core.errors import RefusedError
from ..._core.site.declared import declaration
from ..store.layout import Paths
from ..store.manifests import parse_manifest, read_manifests

__all__ = ("export_sites",)


def export_sites(*, paths: Paths | None = None) -> dict[str, Any]:
    """Return the result of the module ``site_info`` with ``export``: ``vsa_sites``, and what is not valid."""
    declared: dict[str, Any] = {}
    invalid: list[dict[str, str]] = []
    for domain, text in sorted(read_manifests(paths or Paths()).items()):
        try:
            declared[domain] = declaration(parse_manifest(domain, text))
        except RefusedError as error:
            invalid.append({"domain": domain, "problem": error.message})
    return {"changed": False, "schema": 1, "vsa_sites": declared, "unreadable": invalid}
