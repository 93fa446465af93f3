# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recording of a change for modules whose verb returns a dictionary. Goes with the last of them.

A module whose verb returns a Result ends with ``_module/adapter.exit_recorded`` instead.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..._core.errors import EXIT_NOT_ROLLED_BACK, EXIT_ROLLED_BACK, VsaError

if TYPE_CHECKING:
    from .places import Places

__all__ = ("audited",)


def audited(
    call: Callable[[], dict[str, Any]],
    options: Mapping[str, Any],
    *,
    module: str,
    check: bool,
    places: Places | None = None,
) -> dict[str, Any]:
    """Return the call's result, and record it if it changed the host, or changed the host and rolled back.

    ``options`` are the module's: audit_id, actor, verb, and what the module acts on (domain or name). Raises what the
    call raises; the record itself never fails anything.
    """
    began = time.monotonic()
    try:
        result = call()
    except VsaError as error:
        if not check and error.exit_code in (EXIT_ROLLED_BACK, EXIT_NOT_ROLLED_BACK):
            _record({}, options, module=module, took=time.monotonic() - began, error=error, places=places)
        raise
    if result.get("changed") and not check:
        _record(result, options, module=module, took=time.monotonic() - began, error=None, places=places)
    return result


def _record(
    result: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    module: str,
    took: float,
    error: VsaError | None,
    places: Places | None,
) -> None:
    # Imported here: most runs change nothing, and a host compiles what is imported anew in each run.
    from ..._core.actor import actor_from_option
    from ..._core.ids import is_uuid7
    from ..._core.result import Result, Step
    from ..._core.run_context import RunContext
    from ..machine.ids import new_audit_id
    from .host_record import record_change

    audit_id = str(result.get("audit_id") or options.get("audit_id") or "")
    target = options.get("domain") or options.get("name")
    steps = [Step(step["name"], step["state"], step["text"]) for step in result.get("steps") or ()]
    record_change(
        RunContext(
            audit_id=audit_id if is_uuid7(audit_id) else new_audit_id(),
            actor=actor_from_option(options.get("actor")),
            verb=str(options.get("verb") or f"{module}.change"),
        ),
        action=f"flowbiz.vsa.{module}",
        target=str(target) if target else None,
        took=took,
        result=Result(steps=tuple(steps), data=result, diff=(result.get("diff") or {}).get("prepared")),
        error=error,
        places=places,
    )
