# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of the fleet on its hub: register, rotate, revoke, remove and show, by the dashboard's own program.

No request over HTTP changes them, and the program is reached by the engine of the hub's host alone.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from typing import Any

from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..._core.hub.operation import REMOVED, REVOKED, SHOWN, NodeRequest, answer_of, request_of
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
    text = request_of(request)
    paths, engine = paths or Paths(), engine or StackEngine()
    container = _hub(paths, engine)
    if check and request.state != SHOWN:
        return _foreseen(request, engine, container)
    answer = _answer(request, text, engine, container)
    changed = bool(answer.pop("changed", False))
    return Result(changed=changed, steps=(_step(request, changed),), data=answer)


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


def _answer(request: NodeRequest, text: str, engine: StackEngine, container: Container) -> dict[str, Any]:
    done = engine.exec_fed(container.id, list(_PROGRAM), stdin=text, most=_MOST_OUTPUT)
    return answer_of(done.code, done.stdout, request)


def _foreseen(request: NodeRequest, engine: StackEngine, container: Container) -> Result:
    """Return what a run would do, by a look at the nodes that the hub has."""
    look = NodeRequest(SHOWN)
    shown = _answer(look, request_of(look), engine, container)
    known = {str(entry.get("id")): entry for entry in shown.get("nodes") or ()}
    tokens = known.get(str(request.node), {}).get("tokens") or ()
    if request.state == REMOVED:
        changes = request.node in known
    elif request.state == REVOKED:
        changes = any(entry.get("valid") for entry in tokens)
    else:
        changes = True
    return Result(changed=changes, steps=(_step(request, changes, check=True),))


def _step(request: NodeRequest, changed: bool, *, check: bool = False) -> Step:
    if request.state == SHOWN:
        return Step("hub", OK, "the hub was asked")
    if not changed:
        return Step("hub", OK, f"{request.node} was {request.state} before")
    state, words = (WOULD_CHANGE, "would be") if check else (CHANGED, "is")
    return Step("hub", state, f"{request.node} {words} {request.state} at the hub")
