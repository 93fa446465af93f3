"""A host in a directory, on which the sender of the agent runs with a clock that a test moves."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.beat import ABSENT, OK, Reading, section_of
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.token import made_token
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    GENESIS,
    AuditRecord,
    Controller,
    RecordedActor,
    seal,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.clock import Clock
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector.trail import records_after
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.places import AgentPlaces
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender.hub import Address, Hub
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender.send import Sender
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.sender.state import State, read_state

from fakehub import FakeHub

__all__ = ("NODE", "TOKEN", "AgentHost", "MovedClock", "trail_lines")

NODE = "vps-01"
TOKEN = made_token(NODE, randomness=bytes(range(32)))
START = datetime.datetime(2026, 11, 30, 9, 0, tzinfo=datetime.UTC)


@dataclass
class MovedClock:
    """The time of a host: it moves only if a test moves it, or if somebody sleeps."""

    seconds: float = 100.0
    boot: str = "boot-1"
    start: datetime.datetime = START
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.seconds += seconds

    def clock(self) -> Clock:
        """Return the clock of the code under test."""
        return Clock(
            since_boot=lambda: self.seconds,
            boot=lambda: self.boot,
            now=lambda: self.start + datetime.timedelta(seconds=self.seconds),
            sleep=self.sleep,
            chance=lambda: 0.5,
        )


def trail_lines(count: int, *, first: int = 1, previous: str = GENESIS, error: str | None = None) -> list[str]:
    """Return the lines of a trail, each with the hash of the one before."""
    lines = []
    for number in range(first, first + count):
        record = AuditRecord(
            id=f"run-{number}",
            kind="change",
            time="2026-11-30T09:00:00Z",
            actor=RecordedActor("ops"),
            controller=Controller("desk", "0" * 16),
            verb="site.provision",
            version="1",
            error=error,
        )
        lines.append(seal(record, previous))
        previous = lines[-1][-66:-2]
    return lines


class AgentHost:
    """A host with a trail, whose snapshot is written as the collector does."""

    def __init__(self, root: Path, hub: FakeHub) -> None:
        self.root = root
        self.hub = hub
        self.places = AgentPlaces(str(root))
        self.time = MovedClock()
        self.trail = root / "var/log/vsa/audit.jsonl"
        self.machine = "a" * 32
        self.domains: list[dict[str, Any]] = []
        self.certificates: list[dict[str, Any]] = []
        self.asked: list[str] = []
        for folder in (self.trail, self.places.snapshot, self.places.state, self.places.state_in_memory):
            folder.parent.mkdir(parents=True, exist_ok=True)

    def write_trail(self, lines: Sequence[str]) -> None:
        """Write the whole trail."""
        self.trail.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")

    def collect(self, **sections: Mapping[str, Any]) -> None:
        """Write a snapshot of now."""
        at = self.time.clock().now().isoformat()
        state = self.state
        files = [self.trail] if self.trail.exists() else []
        found = records_after(files, state.after if state else None)
        rows = [{"id": "c1", "memory_bytes": 5}]
        known = {
            "usage": section_of("usage", Reading(OK, at, rows)),
            "domains": section_of("domains", Reading(OK if self.domains else ABSENT, at, self.domains)),
            "certificates": section_of("certificates", Reading(OK, at, self.certificates)),
        }
        snapshot = {
            "schema": 1,
            "taken_at": at,
            "since_boot": self.time.seconds,
            "boot": self.time.boot,
            "machine": self.machine,
            "agent": "0.1.0",
            "sections": {**known, **sections},
            "audit": {**vars(found), "records": list(found.records), "error": None},
        }
        self.places.snapshot.write_text(json.dumps(snapshot), encoding="utf-8")

    def send(self, *, token: str = TOKEN, hub_class: Callable[..., Hub] = Hub) -> int:
        """Run the sender once."""
        address = Address(self.hub.url, NODE, token, self.hub.ca)
        sender = Sender(
            address,
            places=self.places,
            clock=self.time.clock(),
            hub=hub_class(address, seconds=20, silence=5),
            ask=self._ask,
        )
        return sender.run()

    def beat(self) -> int:
        """Collect and send, as the timer does."""
        self.collect()
        return self.send()

    def _ask(self, domain: str) -> dict[str, Any]:
        self.asked.append(domain)
        return {"fingerprint": "f" * 64, "not_after": "2027-01-01T00:00:00Z", "issuer": "CA", "error": None}

    @property
    def state(self) -> State | None:
        """Return the state of the sender."""
        return read_state(self.places)
