"""What a reader asks of the Traffic page: checked, and as the query of a link."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from hub.traffic.queries import LONGEST_DOMAIN, METHODS, STATUSES, Selector, checked_filter, checked_text
from hub.traffic.ranges import Range, asked_range

__all__ = ("ASKABLE", "Asked", "checked")

ASKABLE = ("paths", "clients", "log")
"""Panels that read every line. Over more than a day they wait until somebody asks for them."""
_LONGEST_TIME = 40


@dataclass(frozen=True)
class Asked:
    """A domain, a range, a search in the log, and the panels that may read long ranges. ``reader`` is who asks."""

    domain: str
    range: Range
    q: str = ""
    status: str = ""
    method: str = ""
    ask: frozenset[str] = frozenset()
    whole: bool = False
    reader: str = ""

    @property
    def streams(self) -> Selector:
        """Return all streams of the domain."""
        return Selector(self.domain)

    @property
    def chosen(self) -> Selector:
        """Return the streams that the filters of the log leave."""
        return Selector(self.domain, self.status, self.method)

    def waits(self, panel: str) -> bool:
        """Say whether a panel waits until the reader asks for it."""
        return panel in ASKABLE and self.range.long and panel not in self.ask

    def parameters(self, **changes: str) -> dict[str, str]:
        """Return the parameters of a link to this view, with changes."""
        values: dict[str, Any] = {"domain": self.domain}
        if self.range.name == "free":
            shown = self.range.as_json()
            values |= {"from": shown["from"], "to": shown["to"]}
        else:
            values["range"] = self.range.name
        values |= {"q": self.q, "status": self.status, "method": self.method, "ask": ",".join(sorted(self.ask))}
        if self.whole:
            values["panels"] = "all"
        values |= changes
        return {name: str(value) for name, value in values.items() if value}

    def link(self, **changes: str) -> str:
        """Return the query of a link to this view, with changes."""
        return urlencode(self.parameters(**changes))

    def asking(self, panel: str) -> Asked:
        """Return the same view, in which a panel may read its range."""
        return replace(self, ask=self.ask | {panel})


def checked(query: dict[str, str], *, at: datetime, reader: str) -> Asked:
    """Return what the parameters of a request ask for; HubError 400 names what is wrong. The domain may be unknown."""
    times = {name: checked_text(query.get(name, ""), name=name, longest=_LONGEST_TIME) for name in ("from", "to")}
    wanted = checked_text(query.get("ask", ""), name="ask", longest=_LONGEST_TIME).split(",")
    name = checked_text(query.get("range", ""), name="range", longest=_LONGEST_TIME)
    return Asked(
        domain=checked_text(query.get("domain", "").strip(), name="domain", longest=LONGEST_DOMAIN),
        range=asked_range(name, times["from"], times["to"], at=at),
        q=checked_text(query.get("q", ""), name="q"),
        status=checked_filter(query.get("status", ""), STATUSES, name="status"),
        method=checked_filter(query.get("method", ""), METHODS, name="method"),
        ask=frozenset(wanted) & frozenset(ASKABLE),
        whole=query.get("panels", "") == "all",
        reader=reader,
    )
