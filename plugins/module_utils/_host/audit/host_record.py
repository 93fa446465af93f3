# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record that a change leaves in the host's own trail.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping
from typing import Any

from ..._core.audit.mask import Masker
from ..._core.audit.record import STATUS, Actor, Change, Controller, Record
from ..._core.errors import VsaError
from ..._core.ids import is_uuid7, uuid7
from ..._core.version import VERSION
from .places import Places, this_controller
from .trail import Trail, now

__all__ = ("note",)

_SHOWN = ("generation", "base")
# As the action plugins and the wrapper say it.
_ACTOR = re.compile(r"([^@]+)(?:@(\S+))?(?: \(sudo by (.+)\))?")


def note(
    result: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    module: str,
    took: float,
    error: VsaError | None,
    places: Places | None,
) -> None:
    """Leave the record of a change that took so many seconds; it never fails that change."""
    try:
        places = places or (Places.of_host() if os.getuid() == 0 else Places.here(os.environ))
        trail = Trail(places)
        run_id = str(result.get("audit_id") or options.get("audit_id") or "")
        if not is_uuid7(run_id):
            run_id = uuid7(time.time_ns() // 1_000_000, randomness=os.urandom(10))
        if trail.under_way(run_id):
            return  # the controller is this very machine, and its record is in this very trail
        trail.append(_record(run_id, result, options, module=module, took=took, error=error, places=places))
    except Exception:  # noqa: S110  a change that was made and proven does not fail for want of its note
        pass


def _record(
    run_id: str,
    result: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    module: str,
    took: float,
    error: VsaError | None,
    places: Places,
) -> Record:
    masker = Masker()
    host = socket.gethostname()
    said = _ACTOR.fullmatch(masker.line(str(options.get("actor") or "unknown")))
    user, machine, sudo = said.groups() if said else ("unknown", None, None)
    steps = [step for step in result.get("steps") or () if step.get("state") in ("changed", "warning")]
    diff = result.get("diff")
    changes = [Change(host, masker.line(f"{step['name']}: {step['text']}"), f"flowbiz.vsa.{module}") for step in steps]
    if changes and diff:
        changes[0] = Change(host, changes[0].task, changes[0].action, masker.diff(diff))
    target = options.get("domain") or options.get("name")
    return Record(
        id=run_id,
        kind="change",
        time=now(),
        actor=Actor(user=user, sudo_user=sudo),
        controller=Controller(name=machine or host, id=this_controller(places).id),
        verb=str(options.get("verb") or f"{module}.change"),
        version=VERSION,
        hosts=(host,),
        target=masker.line(str(target)) if target else None,
        arguments={key: result[key] for key in _SHOWN if isinstance(result.get(key), int)},
        status=STATUS[error.exit_code if error else 0],
        counts={},
        changes=tuple(changes),
        duration=round(took, 3),
        error=masker.line(error.message) if error else None,
    )
