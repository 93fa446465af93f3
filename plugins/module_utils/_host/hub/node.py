# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of the fleet on its hub: register, rotate, revoke, remove and show, by the dashboard's own program.

No request over HTTP changes them, and the program is reached by the engine of the hub's host alone.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..._core.hub.operation import SHOWN, NodeRequest, answer_of, request_of
from ..._core.result import CHANGED, OK, WOULD_CHANGE, Result, Step
from ..machine.docker import Container
from ..machine.docker_stack import StackEngine
from ..stack.folder import find_stack
from ..stack.health import containers_of, service_of
from ..store.layout import Paths

__all__ = ("change_node",)

_STACK, _SERVICE = "dashboard", "dashboard"
_PROGRAM = ("python3", "-m", "hub.admin")
# The answer about a thousand nodes has a few hundred kilobytes.
_MOST_OUTPUT = 1 << 20


def change_node(
    request: NodeRequest, *, check: bool, paths: Paths | None = None, engine: StackEngine | None = None
) -> Result:
    """Bring a node of the hub to the requested state, and return what the hub said.

    RefusedError if this host has no hub that runs, or if the hub refuses; nothing is changed then.
    """
    text = request_of(request, check=check)
    paths, engine = paths or Paths(), engine or StackEngine()
    container = _hub(paths, engine)
    done = engine.exec_fed(container.id, list(_PROGRAM), stdin=text, most=_MOST_OUTPUT)
    answer = answer_of(done.code, done.stdout, request)
    changed = bool(answer.pop("changed", False))
    return Result(changed=changed, steps=(_step(request, changed, check=check),), data=answer)


def _hub(paths: Paths, engine: StackEngine) -> Container:
    """Return the running container of the hub. RefusedError if this host has none."""
    try:
        _folder, stack = find_stack(paths, _STACK)
    except RefusedError as error:
        hint = Hint("stack.up", {"name": _STACK})
        raise RefusedError("this host is no hub: it has no stack dashboard", field="host", hint=hint) from error
    for found in containers_of(engine, stack):
        if found.running and service_of(found) == _SERVICE:
            return found
    raise RefusedError("the hub does not run on this host", field="host", hint=Hint("stack.up", {"name": _STACK}))


def _step(request: NodeRequest, changed: bool, *, check: bool) -> Step:
    if request.state == SHOWN:
        return Step("hub", OK, "the hub was asked")
    if not changed:
        return Step("hub", OK, f"{request.node} was {request.state} before")
    state, words = (WOULD_CHANGE, "would be") if check else (CHANGED, "is")
    return Step("hub", state, f"{request.node} {words} {request.state} at the hub")
