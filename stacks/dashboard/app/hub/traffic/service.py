"""All of the Traffic page that lives as long as the hub: Loki, what is kept of its answers, and the minutes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hub.moments import Clock, now
from hub.traffic.answers import Answer
from hub.traffic.client import Loki
from hub.traffic.fleet import overview_of
from hub.traffic.hours import Hours
from hub.traffic.minutes import Minutes
from hub.traffic.shared import Shared
from hub.traffic.tail import Tails

__all__ = ("Traffic", "traffic_of")


@dataclass
class Traffic:
    """What the requests about traffic share."""

    loki: Loki
    minutes: Minutes
    shared: Shared[Answer]
    hours: Hours
    tails: Tails = field(default_factory=Tails)

    def overview(self) -> dict[str, Any]:
        """Return what the Overview shows of the fleet's traffic."""
        return overview_of(self.minutes)

    def requests_of(self, domain: str) -> int | None:
        """Return the requests of a domain in the last hour; None if they are not known."""
        return self.minutes.requests_of(domain)

    def state(self) -> dict[str, Any]:
        """Return the entry of a page's list of sources."""
        return self.minutes.state()


def traffic_of(url: str | None, *, clock: Clock = now) -> Traffic | None:
    """Return the traffic of a hub whose Loki is at an address; None if there is no Loki."""
    if not url:
        return None
    loki = Loki(url.rstrip("/"), clock=clock)
    shared: Shared[Answer] = Shared()
    return Traffic(loki, Minutes(loki), shared, Hours(loki, shared))
