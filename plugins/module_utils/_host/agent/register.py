# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Register the agent of this host at a hub: install it, and prove it by one real beat before it is left on.

A hub that refuses the beat leaves the host as it was.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..._core.agent.answer import AGENT_TOO_OLD, NO_ANSWER, OTHER_MACHINE, TOKEN_REVOKED, TOKEN_UNKNOWN
from ..._core.agent.token import hub_base, node_of_token
from ..._core.errors import RefusedError, VsaError
from ..._core.hints import Hint
from ..._core.result import CHANGED, OK, WOULD_CHANGE, Result, Step
from ..._core.words import Words
from ..machine.files import read_text
from ..machine.programs import require_success, run_program
from ..machine.systemd import journal_of, read_unit
from ..store.layout import Paths
from ..store.settings import read_settings
from .files import Files, InstalledFile, config_files, program_files, read_files, write_files
from .places import COLLECT, SEND, TIMER, USER, AgentPlaces, require_systemd
from .sender.state import STATE_MODE, State, new_epoch, read_plain_file, read_state
from .units import SYSUSERS

__all__ = ("BEAT_SECONDS", "RegisterRequest", "make_user", "register", "remove_user")

BEAT_SECONDS = 700
"""So long the units may take: a beat over a slow line takes eight minutes, and the collector two."""

_LEFT = "the host is as it was"
_UNKNOWN = "some files of the new registration are on the host, and the agent does not run; register again"

# What an error code of the hub means to who registers: the field that is wrong, and what helps.
_MEANING: Mapping[str, tuple[str, str]] = {
    TOKEN_UNKNOWN: ("token", "the hub does not know this token"),
    TOKEN_REVOKED: ("token", "the hub has revoked this token"),
    OTHER_MACHINE: ("token", "another machine uses this token"),
    AGENT_TOO_OLD: ("hub_url", "this version of VSA is too old for the hub"),
    NO_ANSWER: ("hub_url", "the hub did not answer"),
}


@dataclass(frozen=True)
class RegisterRequest:
    """What the operator asks for: the hub's address as typed, and the token."""

    hub_url: str
    token: str = field(repr=False)


def register(request: RegisterRequest, *, check: bool, root: str = "/") -> Result:
    """Register this host. RefusedError if address or token has not its form, or if the hub does not take the beat."""
    base, node = hub_base(request.hub_url), node_of_token(request.token)
    require_systemd(root)
    places = AgentPlaces(root)
    wanted: Files = {
        **program_files(places),
        **config_files(places, hub_url=base, token=request.token, ca=_own_ca(root)),
    }
    there = read_files(wanted)
    timer = read_unit(TIMER)
    running = timer.active and timer.enabled
    state = read_state(places)
    if there == wanted and running and state is not None and state.taken:
        return _result(base, node, state, changed=False)
    diff = _diff(there, wanted, places)
    if check:
        return Result(
            changed=True,
            steps=(Step("agent", WOULD_CHANGE, f"register {node} at {base}, and prove it by one beat"),),
            data=_data(base, node, state),
            diff=diff,
        )
    return _result(base, node, _proven(places, wanted, there, running=running), changed=True, diff=diff)


def _own_ca(root: str) -> str | None:
    """Return the certificates that this host trusts besides its own roots, in PEM."""
    bundle = read_settings(Paths(root)).ca_bundle
    return read_text(Path(root, bundle.lstrip("/"))) if bundle else None


# The change


def _proven(places: AgentPlaces, wanted: Files, there: Files, *, running: bool) -> State:
    """Install everything, send one beat, and leave the agent on. If the hub does not take the beat, undo all of it."""
    before = dict(there)
    state_before = read_plain_file(places.state)
    if state_before is not None:
        before[places.state] = InstalledFile(state_before, STATE_MODE)
    # A beat of the old registration must not come in between.
    run_program(["systemctl", "stop", TIMER, SEND, COLLECT], seconds=BEAT_SECONDS)
    made_user = False
    try:
        made_user = make_user()
        write_files(wanted)
        _new_epoch(places)
        require_success(["systemctl", "daemon-reload"], failure="systemd does not read its units", state=_LEFT)
        state = _one_beat(places)
        require_success(["systemctl", "enable", "--now", TIMER], failure="the timer does not start", state=_LEFT)
    except BaseException:
        _undo(places, wanted, before, running=running, made_user=made_user)
        raise
    return state


def _new_epoch(places: AgentPlaces) -> None:
    for path in (places.state_in_memory, places.state):
        path.unlink(missing_ok=True)
    # The collector reads the cursor here, and systemd gives the file to the sender.
    write_files({places.state: InstalledFile(State(epoch=new_epoch()).as_json().encode(), STATE_MODE)})


def _one_beat(places: AgentPlaces) -> State:
    """Let the units send one beat, and return the state that says how the hub answered."""
    done = run_program(["systemctl", "start", SEND], seconds=BEAT_SECONDS)
    state = read_state(places)
    if state is not None and state.taken:
        return state
    if state is not None and state.last and state.last.get("result") == "refused":
        raise _refusal(state.last)
    lines = [line for unit in (COLLECT, SEND) for line in journal_of(unit, program="python3").splitlines()[-3:]]
    if state is not None and state.last:
        raise _refusal(state.last, lines)
    raise RefusedError("the agent did not send a beat", details=[*lines, Words("systemctl", done.errors)], state=_LEFT)


def _refusal(last: Mapping[str, Any], lines: Sequence[str] = ()) -> RefusedError:
    code = str(last.get("code"))
    option, words = _MEANING.get(code, ("hub_url", "the hub did not take the beat"))
    return RefusedError(
        words,
        field=option,
        details=[*([f"the hub said: {last.get('message')} ({code})"] if last.get("http_status") else ()), *lines],
        state=_LEFT,
        hint=Hint("vps.list") if option == "token" else None,
    )


def _undo(places: AgentPlaces, wanted: Files, before: Files, *, running: bool, made_user: bool) -> None:
    """Put back every file, and the timer if it ran."""
    for path in (*wanted, places.state, places.state_in_memory):
        if path not in before:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        write_files(before)
    for folder in (places.config, places.program.parent, places.state.parent):
        with suppress(OSError):
            folder.rmdir()  # only if nothing is in it
    with suppress(VsaError):
        run_program(["systemctl", "daemon-reload"])
        if running:
            run_program(["systemctl", "start", TIMER])
        elif made_user:
            remove_user()


def make_user() -> bool:
    """Make the user of the sender. Returns whether it was missing."""
    if run_program(["getent", "passwd", USER]).code == 0:
        return False
    line = SYSUSERS.splitlines()[-1]
    require_success(["systemd-sysusers", "--inline", line], failure=f"the user {USER} cannot be made", state=_LEFT)
    return True


def remove_user() -> None:
    """Remove the user of the sender, and its group."""
    run_program(["userdel", USER])
    if run_program(["getent", "group", USER]).code == 0:
        run_program(["groupdel", USER])


# The result


def _result(base: str, node: str, state: State, *, changed: bool, diff: str | None = None) -> Result:
    taken = state.taken
    text = f"{node} at {base}; the hub took beat {taken.get('sequence')} at {taken.get('at')}"
    if not changed:
        text = f"{node} is registered at {base}; the last beat was taken at {taken.get('at')}"
    return Result(
        changed=changed,
        steps=(Step("agent", CHANGED if changed else OK, text),),
        data=_data(base, node, state),
        diff=diff,
    )


def _data(base: str, node: str, state: State | None) -> dict[str, Any]:
    return {"hub_url": base, "node": node, "answer": dict(state.taken) if state else {}}


def _diff(there: Files, wanted: Files, places: AgentPlaces) -> str:
    """Return the unified diff of the units and of the address. The token and the program are only named."""
    lines: list[str] = []
    for path, file in wanted.items():
        before = there.get(path)
        if before == file:
            continue
        if path in (places.token, places.program):
            what = "the token" if path == places.token else "the program"
            verb = "replaces" if before else "makes"
            lines += [f"--- {path}", f"+++ {path}", f"# {verb} {what}, which is not shown"]
            continue
        old = before.content.decode().splitlines() if before else []
        new = file.content.decode().splitlines()
        lines += difflib.unified_diff(old, new, str(path), str(path), lineterm="")
    return "".join(f"{line}\n" for line in lines)
