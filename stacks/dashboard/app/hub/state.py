"""What the requests of one running hub share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from hub.answering import Answering
from hub.beat.gate import Gate
from hub.docker.live import DockerList
from hub.fleet.attention import Item
from hub.fleet.fleet import Fleet
from hub.fleet.overview import NoTraffic
from hub.moments import Clock, now
from hub.traffic.service import Traffic
from hub.trails.recent import Operations, attention_of_trails, operations_of
from hub.trails.state import Trails
from hub.web.frame import Frame

__all__ = ("HubState",)


def _more(connection: Connection, at: datetime) -> Sequence[Item]:
    """Return what of the audit trails needs attention."""
    return attention_of_trails(connection, at=at)


@dataclass
class HubState:
    """The engine, the clock, the gate of the beats, what sites of silent nodes answered, and what pages need."""

    engine: Engine
    clock: Clock = now
    gate: Gate = field(default_factory=Gate)
    answering: Answering = field(default_factory=Answering)
    frame: Frame = field(default_factory=Frame.of)
    traffic: Traffic | NoTraffic = field(default_factory=NoTraffic)
    trails: Trails = field(default_factory=Trails)
    docker: DockerList = field(default_factory=DockerList)

    def __post_init__(self) -> None:
        """Make the fleet, which asks this engine."""
        self.fleet = Fleet(self.engine, self.clock, self.answering, _more)

    def operations(self) -> Operations:
        """Return the last operations of the fleet; nothing is known of them while the database does not answer."""
        try:
            with self.engine.connect() as connection:
                return operations_of(connection, at=self.clock())
        except SQLAlchemyError:
            return Operations((), None)

    def sources(self) -> list[dict[str, Any]]:
        """Return the sources besides PostgreSQL, each with its state."""
        return [self.traffic.state()]
