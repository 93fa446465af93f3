"""Nodes as the hub meets them: agents that send beats, made by the code that real agents use."""

from __future__ import annotations

import gzip
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.beat import (
    FAILED,
    OK,
    Beat,
    Reading,
    packed,
    section_of,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    GENESIS,
    AuditRecord,
    Controller,
    RecordedActor,
    content_of,
    seal,
)

__all__ = ("FakeClock", "NodeAgent", "container", "domain", "inflated_body", "sections", "trail")

BEAT = "/api/v1/agent/beat"


class FakeClock:
    """The hub's clock, in the hand of a test. It has milliseconds alone, as the hub's answers have."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def container(number: int, **fields: Any) -> dict[str, Any]:
    """Return a container's row."""
    name = f"web-{number}"
    made = {"id": hashlib.sha256(name.encode()).hexdigest(), "name": name, "image": "nginx:1.30.7", "state": "running"}
    return {**made, "health": "healthy", "restarts": 0, "networks": ["flowbiz_ext"], **fields}


def domain(name: str, **fields: Any) -> dict[str, Any]:
    """Return a site's row."""
    route = {"path": "/", "container": "web-1", "port": 3000, "upstream_state": "running"}
    return {"domain": name, "state": "not checked", "routes": [route], "certificate": name, **fields}


def sections(at: datetime, **rows: Sequence[Mapping[str, Any]] | str) -> dict[str, dict[str, Any]]:
    """Return sections by name: rows of a source that was read, or the error of one that was not."""
    found = {}
    for name, value in rows.items():
        if isinstance(value, str):
            found[name] = section_of(name, Reading(FAILED, stamp(at), error=value))
        else:
            found[name] = section_of(name, Reading(OK, stamp(at), rows=value))
    return found


def trail(count: int, *, after: str = GENESIS, first: int = 1, **fields: Any) -> list[str]:
    """Return lines of an audit trail that follow each other."""
    lines = []
    for number in range(first, first + count):
        values = {
            "id": f"01936f00-0000-7000-8000-{number:012d}",
            "kind": "change",
            "time": f"2026-11-30T08:00:00.{number % 1_000_000:06d}Z",
            "actor": RecordedActor(user="ops"),
            "controller": Controller(name="desk", id="0123456789abcdef"),
            "verb": "site.provision",
            "version": "0.4.0",
            "target": "shop.example.com",
            "status": "ok",
            "duration": 1.25,
        }
        line = seal(AuditRecord(**{**values, **fields}), after)
        after = content_of(line)[1]
        lines.append(line)
    return lines


def inflated_body(body: bytes) -> dict[str, Any]:
    """Return the JSON of a request's body."""
    return dict(json.loads(gzip.decompress(body)))


class NodeAgent:
    """An agent with its state: node, token, machine, epoch and sequence."""

    def __init__(self, node: str, token: str, *, clock: FakeClock, address: str = "203.0.113.7") -> None:
        self.node = node
        self.token = token
        self.clock = clock
        self.address = address
        self.machine = secrets.token_hex(16)
        self.epoch = secrets.token_hex(16)
        self.sequence = 0
        self.after: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "User-Agent": "vsa-agent/0.4.0",
            "X-Forwarded-For": self.address,
        }

    def body(self, found: Mapping[str, Any] | None = None, *, records: Sequence[str] = (), **fields: Any) -> bytes:
        """Return the body of the next beat; each one has the next number."""
        self.sequence += 1
        values = {
            "node": self.node,
            "machine": self.machine,
            "epoch": self.epoch,
            "sequence": self.sequence,
            "taken_at": stamp(self.clock()),
            "agent": "0.4.0",
            "sections": found or {},
            "after": self.after,
            "records": records,
        }
        return packed(Beat(**{**values, **fields})).body

    def send(self, client: Any, found: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """Send the next beat, and return the response. What the hub says about the trail is noted."""
        return self.post(client, self.body(found, **more))

    def post(self, client: Any, body: bytes, **headers: str) -> Any:
        """Send a body as it is."""
        response = client.post(BEAT, content=body, headers={**self.headers, **headers})
        if response.status_code == 200:
            self.after = response.json()["audit_after"]
        return response

    def accepted(self, client: Any, found: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Send the next beat, which the hub must accept; return its answer. The clock moves on to the next beat."""
        response = self.send(client, found, **more)
        assert response.status_code == 200, response.text
        answer = dict(response.json())
        assert answer["result"] == "accepted", answer
        self.clock.forward(30)
        return answer

    def copy(self, *, address: str, machine: bool = False) -> NodeAgent:
        """Return a copy of this agent with all its state, as a copied disk has it; with ``machine`` on another one."""
        other = NodeAgent(self.node, self.token, clock=self.clock, address=address)
        other.epoch, other.sequence, other.after = self.epoch, self.sequence, self.after
        if not machine:
            other.machine = self.machine
        return other
