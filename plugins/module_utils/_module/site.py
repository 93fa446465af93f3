# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a site that the modules ``site`` and ``vhost`` share.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import Any

from .._core.site.fields import LIST, NAMES, REQUEST_ONLY, ROUTES, SWITCH
from .._core.site.manifest import FIELDS

__all__ = ("SITE_SPEC",)

# The core checks the form of a value, not Ansible: an error of the core tells the operator what to do next.
_OPTION: dict[str, dict[str, Any]] = {
    SWITCH: {"type": "bool"},
    LIST: {"type": "list", "elements": "raw"},
    ROUTES: {"type": "list", "elements": "raw"},
    NAMES: {"type": "list", "elements": "str"},
}

# No field of a manifest is secret. Without no_log Ansible warns about each option with "pass" in its name.
SITE_SPEC: dict[str, dict[str, Any]] = {
    name: {**_OPTION.get(field.kind, {"type": "raw"}), "no_log": False}
    for name, field in {**REQUEST_ONLY, **FIELDS}.items()
}
