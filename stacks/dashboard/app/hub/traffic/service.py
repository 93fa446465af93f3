"""All of the Traffic page that lives as long as the hub: Loki, what is kept of its answers, and the minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub.moments import Clock, now
from hub.traffic.answers import Answer, weight_of
from hub.traffic.client import Loki
from hub.traffic.fleet import fleet_view, overview_of
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
    _made: dict[str, tuple[tuple[int, int], dict[str, Any]]] = field(default_factory=dict)

    def overview(self) -> dict[str, Any]:
        """Return what the Overview shows of the fleet's traffic."""
        return self._of_minutes("overview", overview_of)

    def fleet(self) -> dict[str, Any]:
        """Return what the page Traffic shows without a domain."""
        return self._of_minutes("fleet", fleet_view)

    def _of_minutes(self, name: str, make: Callable[[Minutes], dict[str, Any]]) -> dict[str, Any]:
        """Return what is made of the minutes. It is made anew when they change, and not for each reader."""
        mark, known = self.minutes.mark, self._made.get(name)
        if known is not None and known[0] == mark:
            return known[1]
        found = make(self.minutes)
        self._made[name] = (mark, found)
        return found

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
    shared: Shared[Answer] = Shared(weight=weight_of)
    return Traffic(loki, Minutes(loki), shared, Hours(loki, shared))
