"""A running hub in the test's own process."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from hub.answering import Answering, Ask
from hub.app import create_app
from hub.beat.gate import Gate
from hub.fleet.fleet import Fleet
from hub.registry import Registration, register
from hub.settings import Settings
from hub.state import HubState
from hubdatabase import Database
from hubnode import FakeClock, NodeAgent

__all__ = ("HOST", "Hub", "started")

HOST = "dashboard.vsa.test"


class _Steps:
    """A clock of the gate whose beats are never too soon: each look at it is a minute later."""

    def __init__(self) -> None:
        self._minutes = itertools.count(1)

    def __call__(self) -> float:
        return next(self._minutes) * 60.0


@dataclass
class Hub:
    """A running hub: ask it by ``client``, and its ``clock`` is the test's. Its beats are never too soon."""

    client: TestClient
    state: HubState
    clock: FakeClock
    database: Database
    host: str = HOST
    addresses: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def reset(self) -> None:
        """Forget everything, as a hub on an empty database."""
        self.database.rows("delete from node")
        self.state.gate = Gate(_Steps())
        self.state.answering = Answering()
        self.state.fleet = Fleet(self.state.engine, self.state.clock, self.state.answering, self.state.fleet.ask_more)
        self.clock.at = FakeClock().at
        self.client.cookies.clear()

    def agent(self, node: str = "vps-01", **more: Any) -> NodeAgent:
        """Register a node, and return its agent."""
        address = more.pop("address", f"203.0.113.{next(self.addresses)}")
        asked = Registration(node, f"{node}.example.com", address, more.pop("provider", "infomaniak"))
        token = register(self.database.engine, asked, at=self.clock())["token"]
        return NodeAgent(node, token, clock=self.clock, address=address)

    def node(self, node: str = "vps-01") -> dict[str, Any]:
        """Return what the hub shows of a node."""
        response = self.client.get(f"/api/v1/nodes/{node}")
        assert response.status_code == 200, response.text
        return dict(response.json())


@contextmanager
def started(
    database: Database,
    *,
    ask: Ask | None = None,
    assets: Path | None = None,
    loki: str | None = None,
    clock: FakeClock | None = None,
) -> Iterator[Hub]:
    """Run a hub on a database, and on a Loki at an address."""
    clock = clock or FakeClock()
    app = create_app(Settings(HOST, database.url, assets, loki), clock=clock, ask=ask)
    with TestClient(app, base_url=f"https://{HOST}", raise_server_exceptions=False) as client:
        hub = Hub(client, app.state.hub, clock, database)
        hub.state.gate = Gate(_Steps())
        yield hub
