# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of one change in the host's own audit trail, so that a host knows what each controller did to it.

The record has the id of the controller's record of the same run.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
import socket
from dataclasses import replace

from ..._core.audit.mask import Masker
from ..._core.audit.record import AuditRecord, Controller, RecordedActor, TaskChange
from ..._core.errors import EXIT_OK, STATUS, VsaError
from ..._core.result import CHANGED, WARNING, Result
from ..._core.run_context import RunContext
from ..._core.version import VERSION
from .places import Places, this_controller
from .trail import Trail, now

__all__ = ("host_record", "record_change")

# What a record shows of a result besides its steps, if the result has it.
_NUMBERS = ("generation", "base")


def record_change(
    context: RunContext,
    *,
    action: str,
    target: str | None,
    took: float,
    result: Result | None = None,
    error: VsaError | None = None,
    places: Places | None = None,
) -> None:
    """Append the record of a change that took ``took`` seconds; nothing that goes wrong here fails the change.

    ``action`` is the module's full name, ``target`` the domain or the stack that it changed. Either the change has a
    ``result``, or ``error`` says why it was rolled back, or why that failed. The sites and their diffs are those of
    ``context``.
    """
    try:
        if places is None:
            places = Places.of_host() if os.getuid() == 0 else Places.here(os.environ)
        trail = Trail(places)
        if trail.under_way(context.audit_id):
            return  # the controller is this machine: its record of the run is in this very trail
        trail.append(
            host_record(
                context, action=action, target=target, took=took, result=result or Result(), error=error, places=places
            )
        )
    except Exception:  # noqa: S110  a proven change does not fail because its record cannot be written
        pass


def host_record(
    context: RunContext,
    *,
    action: str,
    target: str | None,
    took: float,
    result: Result,
    error: VsaError | None,
    places: Places,
) -> AuditRecord:
    """Return the record of a change; every text in it is masked."""
    masker = Masker()
    host = socket.gethostname()
    numbers = {key: result.data[key] for key in _NUMBERS if isinstance(result.data.get(key), int)}
    return AuditRecord(
        id=context.audit_id,
        kind="change",
        time=now(),
        actor=_masked_actor(context, masker),
        controller=Controller(
            name=masker.line(context.actor.controller or "") or host,
            id=this_controller(places).id,
        ),
        verb=context.verb,
        version=VERSION,
        hosts=(host,),
        target=masker.line(target) if target else None,
        arguments=numbers,
        status=STATUS[error.exit_code if error else EXIT_OK],
        changes=_changes(result, action=action, host=host, masker=masker, diff=not context.generations),
        generations=tuple(replace(change, host=host) for change in context.generations),
        duration=round(took, 3),
        error=masker.line(error.message) if error else None,
    )


def _masked_actor(context: RunContext, masker: Masker) -> RecordedActor:
    actor = context.actor
    return RecordedActor(
        user=masker.line(actor.user),
        sudo_user=masker.line(actor.sudo_user) if actor.sudo_user else None,
    )


def _changes(result: Result, *, action: str, host: str, masker: Masker, diff: bool) -> tuple[TaskChange, ...]:
    """Return each step that changed something or warns as a change. With ``diff`` the first one carries their diff."""
    steps = [step for step in result.steps if step.state in (CHANGED, WARNING)]
    changes = [TaskChange(host, masker.line(f"{step.name}: {step.text}"), action) for step in steps]
    if diff and changes and result.diff:
        first = changes[0]
        changes[0] = TaskChange(first.host, first.task, first.action, masker.diff({"prepared": result.diff}))
    return tuple(changes)
