# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's own trail: what was done to it, by whichever controller, under the id of that controller's record.

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
    """Return the call's result, and leave a record where it changed the host, or changed it and put it back.

    ``options`` are the module's: audit_id, actor, verb, and what it acts on (domain or name). Raises what the call
    raises; the record itself never fails anything.
    """
    began = time.monotonic()
    try:
        result = call()
    except VsaError as error:
        if not check and error.exit_code in (EXIT_ROLLED_BACK, EXIT_NOT_ROLLED_BACK):
            _note({}, options, module=module, took=time.monotonic() - began, error=error, places=places)
        raise
    if result.get("changed") and not check:
        _note(result, options, module=module, took=time.monotonic() - began, error=None, places=places)
    return result


def _note(result: Mapping[str, Any], options: Mapping[str, Any], **known: Any) -> None:
    from .host_record import note  # most runs change nothing, and imports are compiled anew in each

    note(result, options, **known)
