# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site checked, and brought live in the same call where its certificate needs nothing.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._core.actor import actor_from_option
from ..._core.errors import VsaError
from ..._core.result import as_module_result
from ..._core.run_context import RunContext
from ..._core.site.requested import requested_fields
from ..store.layout import Paths
from .listing import check_site

__all__ = ("provision_site",)


def provision_site(
    options: Mapping[str, Any], *, check: bool, diff: bool, paths: Paths | None = None
) -> dict[str, Any]:
    """Return the result of the module ``site`` for a site that is to be.

    Raises VsaError; where the transaction failed, with the steps that went before it.
    """
    checked = check_site(options, check=check, paths=paths)
    if not (options["provision"] and checked["certificate_kept"]):
        return {**checked, "provisioned": False}
    try:
        made = _bring_live(options, checked, check=check, diff=diff, paths=paths)
    except VsaError as error:
        error.steps = checked["steps"]
        raise
    return {**checked, **made, "steps": [*checked["steps"], *made["steps"]], "provisioned": True}


def _bring_live(
    options: Mapping[str, Any], checked: Mapping[str, Any], *, check: bool, diff: bool, paths: Paths | None
) -> dict[str, Any]:
    """Return the result that the module ``vhost`` would have, told the same; the host's trail says it was that."""
    from ..audit.audited import audited  # whoever only checks pays for neither
    from ..proxy.module import VhostRequest, run
    from ..proxy.values import Change

    found = checked.get("detected") or options
    told = {
        **options,
        "domain": checked["site"]["domain"],
        "container": found["container"],
        "port": found["port"],
        "answering": checked["answering"],
        "audit_id": checked["audit_id"],
        "phase": "apply",
        "existing": False,
        "sync": False,
    }
    request = VhostRequest(
        run=RunContext(told["audit_id"], actor_from_option(told["actor"]), told["verb"] or "vhost.apply"),
        templates=told["templates"] or {},
        change=Change(told["domain"], requested_fields(told), tuple(told["unset"] or ())),
        answering=told["answering"],
    )

    def provision() -> dict[str, Any]:
        return as_module_result(run(request, check=check, diff=diff, paths=paths))

    return audited(provision, told, module="vhost", check=check)
