# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``cert`` does, by its option ``action``.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._core.errors import UsageError
from .issue import bring_certificate
from .renew import renew_certificates
from .revoke import REASONS, revoke_certificate

__all__ = ("ACTIONS", "REASONS", "act_on_certificate")

ACTIONS = {"issue": bring_certificate, "renew": renew_certificates, "revoke": revoke_certificate}


def act_on_certificate(options: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """Return the result of the module ``cert``; UsageError where an action lacks its domain."""
    action = options["action"]
    if options["domain"] is None and action != "renew":
        raise UsageError("a domain is needed", field="domain", expected=f"which certificate to {action}")
    return ACTIONS[action](options, check=check)
