# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every module of the collection ends: with the result of its verb, or with the error in the operator's words.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._core.errors import EXIT_NOT_ROLLED_BACK, EXIT_ROLLED_BACK, NOTHING_CHANGED, VsaError
from .._core.result import CHANGED, WARNING, Result, Step, as_module_result
from .._core.run_context import RunContext
from .._host.machine.disk import disk_errors_refused, disk_errors_told
from .._host.store.documents import notes
from .arguments import run_context

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

__all__ = ("exit_recorded", "exit_with")

_UNKNOWN_STATE = "what was done before stays; the same verb again goes on from there"


def exit_with(module: AnsibleModule, call: Callable[[], Result]) -> None:
    """Run a verb that only reads, and end the module with its result or with its VsaError."""
    notes()  # what another module of the same process met is not this verb's
    try:
        result = _with_disk_errors_told(call, changes=False)
    except VsaError as error:
        module.fail_json(**_with_damage_told(error).as_result())
    else:
        module.exit_json(**as_module_result(_with_damage(result)))


def exit_recorded(
    module: AnsibleModule, call: Callable[[RunContext], Result], *, verb: str, target: object = None
) -> None:
    """Run a verb that changes the host, record the change, and end the module like :func:`exit_with`.

    A change is recorded in the host's own audit trail, and so is a change that was rolled back or could not be,
    and a refusal after a step that changed something. A run
    that changed nothing leaves no record, nor does check mode. ``verb`` is the default if the task names none;
    ``target`` is what the verb changes, a domain or a stack.
    """
    notes()
    context = None
    try:
        context = run_context(module.params, verb=verb)
        changes = not module.check_mode
        result = _recorded(
            module, lambda run: _with_disk_errors_told(lambda: call(run), changes=changes), context, target=target
        )
    except VsaError as error:
        module.fail_json(**_with_damage_told(error).as_result(), **_generations(context))
    else:
        module.exit_json(**as_module_result(_with_damage(result)), **_generations(context))


def _generations(context: RunContext | None) -> dict[str, Any]:
    """Return the key that tells the controller's audit record which sites the run changed; nothing if it changed none.

    Only the audit callback reads this key.
    """
    if context is None or not context.generations:
        return {}
    return {"generation_changes": [change.as_dict() for change in context.generations]}


def _with_disk_errors_told(call: Callable[[], Result], *, changes: bool) -> Result:
    """Return the result of a verb. An error of the disk that no room expected is told as one, and not as our fault.

    If the verb ``changes`` the host, nobody knows how far it came, so it counts as not rolled back.
    """
    told = disk_errors_told(_UNKNOWN_STATE) if changes else disk_errors_refused()
    with told:
        return call()


def _with_damage(result: Result) -> Result:
    """Return a result that names the damaged files of VSA's own that the verb met."""
    steps = tuple(Step("files", WARNING, note) for note in notes())
    return dataclasses.replace(result, steps=(*result.steps, *steps)) if steps else result


def _with_damage_told(error: VsaError) -> VsaError:
    """Return the same error, whose details name the damaged files that the verb met."""
    error.details += notes()
    return error


def _recorded(
    module: AnsibleModule, call: Callable[[RunContext], Result], context: RunContext, *, target: object
) -> Result:
    """Return the result of the verb, and leave the record if the verb changed something."""
    began = time.monotonic()
    try:
        result = call(context)
    except VsaError as error:
        done = _done_before(error)
        failed = error.exit_code in (EXIT_ROLLED_BACK, EXIT_NOT_ROLLED_BACK)
        if (done.changed or context.generations) and error.state == NOTHING_CHANGED:
            error.state = _UNKNOWN_STATE
        if done.changed or failed or context.generations:
            _record(module, context, target=target, began=began, result=done, error=error)
        raise
    # A run that changes nothing itself may have ended what a killed run began.
    if result.changed or context.generations:
        _record(module, context, target=target, began=began, result=result)
    return result


def _done_before(error: VsaError) -> Result:
    """Return what a verb had done before it failed. A refusal at the second step leaves what the first step changed."""
    steps = tuple(
        Step(str(step["name"]), str(step["state"]), str(step["text"]), tuple(map(str, step.get("notes") or ())))  # type: ignore[call-overload]
        for step in error.steps
    )
    return Result(changed=any(step.state == CHANGED for step in steps), steps=steps)


def _record(module: AnsibleModule, context: RunContext, *, target: object, began: float, **outcome: Any) -> None:
    """Leave the record of a change, and let the agent of the host report the change."""
    if module.check_mode:
        return
    # Imported here: most runs change nothing, and a host compiles what is imported anew in each run.
    from .._host.agent.nudge import report_change
    from .._host.audit.host_record import record_change

    took = time.monotonic() - began
    record_change(context, action=module._name, target=str(target) if target else None, took=took, **outcome)
    report_change()
