# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sender of the agent: sends what the collector read to the hub. It has the token and the network, and no Docker.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...._core.agent.answer import NO_ANSWER, REPEATED, STALE, Answer, Refusal
from ...._core.agent.backoff import is_failure, wait_after
from ...._core.agent.beat import FAILED, INTERVAL, RUNS_MOST, Beat, Reading, packed, record_hashes, section_of
from ...._core.agent.token import hub_base, node_of_token
from ...._core.errors import VsaError
from ...._core.times import parse_time
from ...._core.version import VERSION
from ..clock import Clock, stamp
from ..places import AgentPlaces
from .hub import Address, Hub
from .served import Ask, ask_proxy, served_section
from .state import State, new_epoch, read_state, write_state

__all__ = ("Sender", "address_from", "main")

# An older snapshot says nothing of the host as it is now: the collector was ended, or did not start.
_SNAPSHOT_SECONDS = 90.0
# The hub may ask for a pause that this run itself can wait for, so that a change shows at once.
_SHORT_WAIT = 10.0
_SHORT_WAITS = 2

OK, WAITING, FAILURE = 0, 0, 1
"""What a run ends with, for systemd: a beat was taken, it is not time yet, or the beat was not taken."""


@dataclass(frozen=True)
class _Window:
    """The audit records of a snapshot, and where a cursor stands among them."""

    asked: str | None
    after: str | None
    records: Sequence[str]
    left: int

    @classmethod
    def of(cls, audit: Mapping[str, Any]) -> _Window:
        return cls(audit["asked"], audit["after"], audit["records"], audit["left"])

    def position(self, cursor: str | None) -> int | None:
        """Return the number of records up to a cursor; None if the cursor is not among them."""
        if cursor == self.after or (self.after is None and cursor == self.asked):
            return 0
        for number, record in enumerate(self.records):
            if record_hashes(record)[1] == cursor:
                return number + 1
        return None


class Sender:
    """One run of the sender."""

    def __init__(
        self,
        address: Address,
        *,
        places: AgentPlaces | None = None,
        clock: Clock | None = None,
        hub: Hub | None = None,
        ask: Ask = ask_proxy,
    ) -> None:
        self._address = address
        self._places = places or AgentPlaces()
        self._clock = clock or Clock()
        self._hub = hub or Hub(address)
        self._ask = ask
        self._state = read_state(self._places) or State(epoch=new_epoch())
        self._boot = ""

    def run(self) -> int:
        """Send the snapshot, and the audit records that the hub asks for. Returns the code for systemd."""
        snapshot = self._snapshot()
        if snapshot is None:
            return self._refused(Refusal(0, NO_ANSWER, "nothing was sent: the collector wrote no snapshot"))
        self._boot = str(snapshot["boot"])
        if self._waits():
            return WAITING
        snapshot["sections"]["served"] = served_section(snapshot, self._places, self._clock, ask=self._ask)
        try:
            return self._send(snapshot)
        finally:
            self._hub.close()

    # What to send

    def _waits(self) -> bool:
        state = self._state
        return state.boot == self._boot and self._clock.since_boot() < state.not_before

    def _snapshot(self) -> dict[str, Any] | None:
        """Return the snapshot; None if there is none. It is on a tmpfs, so it is one of this boot.

        If the collector has not written one for a while, all of its sections have failed.
        """
        try:
            snapshot = json.loads(self._places.snapshot.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if snapshot.get("schema") != 1:
            return None
        age = self._clock.since_boot() - snapshot["since_boot"]
        if age > _SNAPSHOT_SECONDS:
            error = f"the collector has not read the host for {age:.0f} s"
            snapshot["sections"] = {
                name: section_of(name, Reading(FAILED, entry["at"], error=error))
                for name, entry in snapshot["sections"].items()
            }
        return dict(snapshot)

    def _beat(self, snapshot: Mapping[str, Any], window: _Window, *, whole: bool) -> Beat:
        """Return the next beat. Without a sure cursor it has no records: the answer says where to go on."""
        state = self._state
        place = window.position(state.after) if state.sure else None
        records = [] if place is None else window.records[place:]
        after = state.after
        if place == 0 and window.after is None:
            after = None  # the trail does not have the hub's last record any more: from its oldest one on
        return Beat(
            node=self._address.node,
            machine=snapshot["machine"],
            epoch=state.epoch,
            sequence=state.sequence + 1,
            taken_at=snapshot["taken_at"],
            agent=VERSION,
            sections=snapshot["sections"] if whole else {},
            after=after,
            records=records,
            left=window.left + (len(window.records) if place is None else 0),
            audit_error=snapshot["audit"].get("error"),
        )

    # How it is sent

    def _send(self, snapshot: Mapping[str, Any]) -> int:
        window = _Window.of(snapshot["audit"])
        whole, pauses = True, 0
        for _run in range(RUNS_MOST):
            beat = self._beat(snapshot, window, whole=whole)
            made = packed(beat)
            began = self._clock.now()
            answer = self._hub.send(made.body)
            if isinstance(answer, Refusal):
                pause = float(answer.retry_after or 0)
                if not is_failure(answer) and pauses < _SHORT_WAITS and pause <= _SHORT_WAIT:
                    pauses += 1
                    self._clock.sleep(pause)
                    continue
                return self._refused(answer)
            self._taken(answer, beat, began, sent=made.records, size=len(made.body), window=window)
            if answer.result in (REPEATED, STALE):
                continue  # this time with the hub's own sequence, or in a new epoch
            whole = False
            place = window.position(answer.audit_after)
            if not answer.more or place is None or place == len(window.records):
                break
        return OK

    def _taken(self, answer: Answer, beat: Beat, began: Any, *, sent: int, size: int, window: _Window) -> None:
        """Remember the answer of a beat. A beat that the hub had already, or is behind, moves only epoch and cursor."""
        clock, state = self._clock, self._state
        place = window.position(answer.audit_after)
        ended = clock.now()
        said = parse_time(answer.time)
        skew = None if said is None else round((said - (began + (ended - began) / 2)).total_seconds())
        last = {
            "at": stamp(ended),
            "since_boot": round(clock.since_boot(), 1),
            "result": answer.result,
            "code": None,
            "message": None,
            "http_status": 200,
            "sequence": beat.sequence,
            "records": sent,
            "backlog": window.left + (len(window.records) - place if place is not None else 0),
            "bytes": size,
            # The node's clock less the hub's: positive if the node's clock is fast.
            "skew_seconds": None if skew is None else -skew,
            "agent_minimum": answer.agent_minimum,
        }
        wait = answer.interval * 0.9 if answer.interval > INTERVAL else 0.0
        state = dataclasses.replace(
            state,
            sequence=max(beat.sequence, answer.sequence),
            after=answer.audit_after,
            sure=True,
            failures=0,
            boot=self._boot,
            not_before=clock.since_boot() + wait,
            last=last,
            taken=last if answer.result not in (REPEATED, STALE) else state.taken,
        )
        if answer.result == STALE:
            # This host was restored from an older image: its numbers mean nothing any more.
            state = dataclasses.replace(state, epoch=new_epoch(), sequence=0)
        self._keep(state)

    def _refused(self, refusal: Refusal) -> int:
        """Remember that a beat was not taken, and until when to wait."""
        clock, state = self._clock, self._state
        failures = state.failures + 1 if is_failure(refusal) else state.failures
        wait = wait_after(refusal, failures, chance=clock.chance())
        last = {
            "at": stamp(clock.now()),
            "since_boot": round(clock.since_boot(), 1),
            "result": "refused" if refusal.status else "unreachable",
            "code": refusal.code,
            "message": refusal.message,
            "http_status": refusal.status or None,
            "sequence": state.sequence + 1,
            "wait_seconds": round(wait),
        }
        self._keep(
            dataclasses.replace(
                state,
                # The number was tried. Whether the hub has the beat is not known, if it did not answer.
                sequence=state.sequence + 1,
                sure=state.sure and refusal.code != NO_ANSWER,
                failures=failures,
                boot=self._boot,
                not_before=clock.since_boot() + wait,
                last=last,
            )
        )
        sys.stderr.write(f"<4>the hub did not take the beat: {refusal.message} ({refusal.code})\n")
        return FAILURE

    def _keep(self, state: State) -> None:
        self._state = state
        try:
            write_state(self._places, state)
        except OSError as error:
            sys.stderr.write(f"<4>the state could not be written: {error}\n")


def address_from(hub: str, token: str) -> Address:
    """Return the address of the hub from the texts of the two files of /etc/vsa/agent. VsaError if one is damaged."""
    try:
        data = json.loads(hub)
        base, ca = data["hub_url"], data.get("ca")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise VsaError("hub.json is damaged: register the agent again") from None
    token = token.strip()
    return Address(hub_base(base), node_of_token(token), token, ca if isinstance(ca, str) and ca else None)


def main(*, read: Callable[[str], str] | None = None) -> int:
    """Run once on this host, with what systemd hands over. Returns 0, or 1 if the hub did not take the beat."""
    folder = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"))
    read = read or (lambda name: (folder / name).read_text(encoding="utf-8"))
    try:
        address = address_from(read("hub"), read("token"))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"<4>address and token cannot be read: {error}\n")
        return FAILURE
    return Sender(address).run()
