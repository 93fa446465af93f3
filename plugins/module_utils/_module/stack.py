# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module stack as the request of its verb, and what the module does in each state.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from .._core.result import Result
from .._core.run_context import RunContext
from .._core.stack.files import File
from .._core.stack.removal import Volume
from .._core.stack.source import Source
from .._host.stack import down, execute, finish, received, up
from .._host.stack.down import StackDownRequest, StackStopRequest
from .._host.stack.execute import StackExecRequest
from .._host.stack.finish import StackVerifyRequest
from .._host.stack.received import Archive
from .._host.stack.up import Foresight, StackUpRequest
from .._host.store.layout import Paths

__all__ = (
    "ORIGIN",
    "STATES",
    "act",
    "archive_of",
    "down_request",
    "exec_request",
    "needed",
    "stop_request",
    "up_request",
    "verify_request",
)


STATES = [
    "present", "leaving", "rolled", "verified", "restored", "found", "stopping", "stopped", "opened", "executed"
]  # fmt: skip
"""What the module does with a stack."""

ORIGIN = {
    "kind": {"type": "str", "choices": ["collection", "inventory", "named"], "required": True},
    "place": {"type": "str", "required": True},
    "typed": {"type": "bool", "required": True},
}
"""The suboptions of the module's option about the source of a stack."""


def act(params: Mapping[str, Any], *, run: RunContext, check: bool, diff: bool) -> Result:
    """Do what the module's state says. ``run`` says who runs the verb."""
    name, tenant, state = params["name"], params["tenant"], params["state"]
    if state == "present":
        return _prepare(params, run, check=check, diff=diff)
    if state == "leaving":
        return finish.leave_networks(name, tenant=tenant)
    if state == "rolled":
        return _roll(params, run)
    if state == "restored":
        return finish.restore(name, tenant=tenant)
    if state == "found":
        return down.find_folder(name, tenant=tenant, service=params["service"])
    if state == "executed":
        return execute.execute(exec_request(params), check=check)
    if state == "opened":
        return finish.forget_closed(name, tenant=tenant)
    if state == "stopping":
        return down.begin_down(stop_request(params), check=check)
    if state == "stopped":
        return down.report_down(down_request(params), check=check)
    return finish.verify(verify_request(params))


def _prepare(params: Mapping[str, Any], run: RunContext, *, check: bool, diff: bool) -> Result:
    """Prepare the version that the controller sent, or that the host kept. The result may ask for the archive."""
    foresee = _foresight(params, check=check)
    if params["kept"]:
        kept, tenant, own = received.kept_files(params["name"], tenant=params["tenant"], paths=Paths())
        request = up_request({**params, "tenant": tenant, "own": own}, kept, run)
        return up.prepare(request, check=check, diff=diff, foresee=foresee)
    files = received.files_of(params["name"], archive_of(params), paths=Paths(), check=check)
    if files is None:
        return needed()
    return up.prepare(up_request(params, files, run), check=check, diff=diff, foresee=foresee)


def _foresight(params: Mapping[str, Any], *, check: bool) -> Foresight | None:
    """Return what refuses sites before the start; None if a site that is refused must not keep the stack down."""
    if not params["foresee"]:
        return None
    # Imported here: the other states of the module know no site.
    from .._host.site.foresee import foresee_sites

    return functools.partial(foresee_sites, strict=params["dns_check"], write=not check)


def _roll(params: Mapping[str, Any], run: RunContext) -> Result:
    """Roll the services of a stack. Only this state loads the proxy's files."""
    from .._host.stack.rolling.run import RollRequest, roll

    templates = params["templates"] or {}
    return roll(RollRequest(params["name"], run, templates, tenant=params["tenant"]))


def archive_of(params: Mapping[str, Any]) -> Archive:
    """Return the archive of the stack's folder that the controller means."""
    return Archive(params["archive_sha256"] or "", params["archive"])


def needed() -> Result:
    """Return the result that asks the controller for the archive."""
    return Result(data={"archive_needed": True})


def up_request(params: Mapping[str, Any], files: Mapping[str, File], run: RunContext) -> StackUpRequest:
    """Return the request of ``stack up``; ``run`` says who allows a finding."""
    return StackUpRequest(
        name=params["name"],
        files=files,
        tenant=params["tenant"],
        env=params["env"] or {},
        source=_source(params["origin"]),
        also=tuple(params["also"]),
        own=params["own"],
        typed=tuple(params["env_typed"]),
        pull=params["pull"],
        build=params["build"],
        allow=tuple(params["allow"]),
        rotate=tuple(params["rotate"]),
        password=params["password"],
        run=run,
    )


def verify_request(params: Mapping[str, Any]) -> StackVerifyRequest:
    """Return the request to verify a start by Compose."""
    return StackVerifyRequest(
        params["name"],
        tenant=params["tenant"],
        proven=tuple(params["proven"] or ()),
        started=params["started"],
        complaint=_words(params["complaint"]),
        failure=_words(params["failure"]),
        restored=params["restored"],
        removed=params["removed"],
        details=tuple(_lines(params["details"])),
    )


def stop_request(params: Mapping[str, Any]) -> StackStopRequest:
    """Return how a stack is to be stopped."""
    return StackStopRequest(
        params["name"],
        tenant=params["tenant"],
        sites=params["remove_sites"],
        volumes=params["remove_volumes"],
        typed=params["typed"],
    )


def exec_request(params: Mapping[str, Any]) -> StackExecRequest:
    """Return the command to run in a container of the stack."""
    return StackExecRequest(
        params["name"],
        tuple(_lines(params["command"])),
        tenant=params["tenant"],
        service=params["service"],
        stdin=_words(params["stdin"]),
    )


def down_request(params: Mapping[str, Any]) -> StackDownRequest:
    """Return what Compose did to a stack that was stopped."""
    return StackDownRequest(
        params["name"],
        removed=params["started"],
        failure=_words(params["failure"]),
        tenant=params["tenant"],
        volumes=tuple(Volume(entry["name"], size=entry["size"]) for entry in params["volumes"] or ()),
    )


def _source(origin: Mapping[str, Any] | None) -> Source | None:
    return None if origin is None else Source(origin["kind"], origin["place"], typed=origin["typed"])


def _words(text: str | None) -> str | None:
    return None if text is None else str(json.loads(text))


def _lines(text: str | None) -> list[str]:
    return [] if text is None else [str(line) for line in json.loads(text)]
