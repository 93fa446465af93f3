"""What the requests of one running hub share."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Engine

from hub.answering import Answering
from hub.beat.gate import Gate
from hub.moments import Clock, now

__all__ = ("HubState",)


@dataclass
class HubState:
    """The engine, the clock, the gate of the beats, and what the sites of silent nodes answered."""

    engine: Engine
    clock: Clock = now
    gate: Gate = field(default_factory=Gate)
    answering: Answering = field(default_factory=Answering)
