# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start, stop and remove the agent of this host. What it needs to know about its hub stays until it is unregistered.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..._core.result import CHANGED, OK, WOULD_CHANGE, Result, Step
from ..machine.programs import require_success, run_program
from ..machine.systemd import read_unit
from .files import program_files, read_files, remove_all, write_files
from .places import COLLECT, SEND, TIMER, AgentPlaces, require_systemd
from .register import BEAT_SECONDS, make_user, remove_user

__all__ = ("start", "stop", "unregister")

_STATE = "the agent is registered, and its timer may not run; start it again"


def start(*, check: bool, root: str = "/") -> Result:
    """Let the timer of a registered agent run, with the program of this version of VSA. RefusedError without a hub."""
    places = AgentPlaces(root)
    _require(places, root)
    wanted = program_files(places)
    same = read_files(wanted) == wanted
    timer = read_unit(TIMER)
    if same and timer.active and timer.enabled:
        return _step(OK, "it runs every 30 seconds")
    if check:
        return _step(WOULD_CHANGE, "start it" if same else "start it, with the program of this version")
    make_user()
    if not same:
        write_files(wanted)
    require_success(["systemctl", "daemon-reload"], failure="systemd does not read its units", state=_STATE)
    require_success(["systemctl", "enable", "--now", TIMER], failure="the timer does not start", state=_STATE)
    run_program(["systemctl", "start", "--no-block", SEND])
    return _step(CHANGED, "it runs every 30 seconds")


def stop(*, check: bool, root: str = "/") -> Result:
    """Stop the timer, now and at every boot. The hub will call the node silent. RefusedError without a hub."""
    places = AgentPlaces(root)
    _require(places, root)
    timer = read_unit(TIMER)
    if not timer.active and not timer.enabled:
        return _step(OK, "it does not run")
    if check:
        return _step(WOULD_CHANGE, "stop it")
    require_success(["systemctl", "disable", "--now", TIMER], failure="the timer does not stop", state=_STATE)
    require_success(
        ["systemctl", "stop", SEND, COLLECT], failure="a unit does not stop", state=_STATE, seconds=BEAT_SECONDS
    )
    return _step(CHANGED, "it does not run any more; the hub will call this node silent")


def unregister(*, check: bool, root: str = "/") -> Result:
    """Stop the agent and remove everything of it: units, program, token, state, user. The hub keeps what it has."""
    places = AgentPlaces(root)
    there = any(path.exists() for path in (places.config, places.program, places.unit(TIMER), places.state))
    if not there:
        return _step(OK, "it is not registered")
    if check:
        return _step(WOULD_CHANGE, "remove it with its token")
    require_systemd(root)
    if places.unit(TIMER).exists():
        require_success(["systemctl", "disable", "--now", TIMER], failure="the timer does not stop", state=_STATE)
    run_program(["systemctl", "stop", SEND, COLLECT], seconds=BEAT_SECONDS)
    remove_all(places)
    require_success(
        ["systemctl", "daemon-reload"], failure="systemd does not read its units", state="the agent is removed"
    )
    run_program(["systemctl", "reset-failed", SEND, COLLECT])
    remove_user()
    return _step(CHANGED, "removed, with its token")


def _require(places: AgentPlaces, root: str) -> None:
    if not places.registered:
        raise RefusedError(
            "the agent of this host has no hub",
            hint=Hint("agent.register", {"hub_url": "URL"}),
        )
    require_systemd(root)


def _step(state: str, text: str) -> Result:
    return Result(changed=state in (CHANGED, WOULD_CHANGE), steps=(Step("agent", state, text),))
