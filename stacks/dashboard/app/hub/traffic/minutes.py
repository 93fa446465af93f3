"""The requests of the whole fleet by the minute: 24 hours in memory, for the Overview and the list of domains.

The whole fleet's traffic of hours is too much for one question. So each minute is asked for when it is over, and after
a start the hours before are asked for one by one, the newest first. A minute that nobody could ask for is unknown; it
is never zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub.traffic.answers import Answer
from hub.traffic.client import Loki, LokiRefusedError
from hub.traffic.queries import fleet_by_domain, fleet_by_domain_and_status, fleet_by_status, fleet_errors_by_domain
from hub.traffic.ranges import moment

__all__ = ("HELD", "Minutes", "status_class")

HELD = 24 * 60
"""So many minutes are held."""
_READER = "the hub"
_MINUTE, _HOUR = 60, 3600
# A shipper sends a line within two seconds. A minute is asked for when it is over by so many.
_LATE = 5
# An hour that is over by so many seconds needs no second question, if Loki was there all that time.
_SETTLED = 600
_CLASSES = "12345"

Requests = Mapping[str, tuple[int, int]]
"""Requests and server errors by domain."""


def status_class(status: str) -> str:
    """Return the class of a value of the label ``status``: ``2xx``, or ``other``."""
    return f"{status[0]}xx" if status[:1] and status[0] in _CLASSES else "other"


@dataclass
class Minutes:
    """The minutes by their end, in seconds since 1970. Domains are held for the last hour alone."""

    loki: Loki
    classes: dict[int, Mapping[str, int]] = field(default_factory=dict)
    # None: Loki does not tell the domains of this minute, because they are too many.
    domains: dict[int, Requests | None] = field(default_factory=dict)
    # Hours by their end whose figures cannot change any more.
    settled: set[int] = field(default_factory=set)
    changes: int = 0
    _summed: tuple[tuple[int, int], tuple[Requests, bool]] | None = None

    @property
    def mark(self) -> tuple[int, int]:
        """Return a value that changes whenever what the minutes say does."""
        return self.changes, self._last()

    def series(self, last: timedelta) -> list[tuple[datetime, Mapping[str, int] | None]]:
        """Return the requests by class of each minute, the oldest first, by its start; None for an unknown minute."""
        newest = self._last()
        count = min(int(last.total_seconds()) // _MINUTE, HELD)
        ends = range(newest - (count - 1) * _MINUTE, newest + 1, _MINUTE)
        return [(moment(end - _MINUTE), self.classes.get(end)) for end in ends]

    def busiest(self, most: int) -> list[tuple[str, int, int]]:
        """Return the domains with the most requests in the known minutes of the last hour, and their server errors."""
        ranked = sorted(self._hour()[0].items(), key=lambda entry: (-entry[1][0], entry[0]))
        return [(domain, count, errors) for domain, (count, errors) in ranked[:most]]

    def requests_of(self, domain: str) -> int | None:
        """Return the requests of a domain in the last hour; None if one of the minutes is unknown."""
        found, whole = self._hour()
        return found.get(domain, (0, 0))[0] if whole else None

    def knows_hour(self) -> bool:
        """Say whether the domains of each minute of the last hour are known."""
        return self._hour()[1]

    def known(self) -> int:
        """Return how many minutes are known."""
        return len(self.classes)

    def state(self) -> dict[str, Any]:
        """Return the entry of a page's list of sources, with the end of the last known minute."""
        # The pages run in threads; a copy is made in one step.
        newest = max(tuple(self.classes), default=None)
        return self.loki.source.entry(None if newest is None else moment(newest))

    async def step(self) -> bool:
        """Ask for what is missing most: the last minute, an hour with a gap, an hour whose lines may have come late.

        Return whether there was anything to ask for. LokiError if Loki has no answer.
        """
        newest = self._newest()
        self._forget(newest)
        if newest not in self.classes:
            await self._ask_minute(newest)
        elif (hour := self._hour_to_ask(newest)) is not None:
            await self._ask_hour(hour, newest)
        else:
            return False
        self.changes += 1
        return True

    def _newest(self) -> int:
        return (int(self.loki.clock().timestamp()) - _LATE) // _MINUTE * _MINUTE

    def _last(self) -> int:
        """Return the newest minute. While it is being asked for, that is the minute before."""
        newest = self._newest()
        return newest if newest in self.classes else newest - _MINUTE

    def _last_hour(self) -> Iterable[int]:
        last = self._last()
        return range(last - _HOUR + _MINUTE, last + 1, _MINUTE)

    def _hour(self) -> tuple[Requests, bool]:
        """Return the requests and the server errors of each domain in the last hour, and whether all of it is known."""
        mark, summed = self.mark, self._summed
        if summed is not None and summed[0] == mark:
            return summed[1]
        requests: Counter[str] = Counter()
        errors: Counter[str] = Counter()
        minutes = [self.domains.get(end) for end in self._last_hour()]
        for known in minutes:
            for domain, (count, failed) in (known or {}).items():
                requests[domain] += count
                errors[domain] += failed
        found = {domain: (count, errors[domain]) for domain, count in requests.items()}
        self._summed = (mark, (found, None not in minutes))
        return self._summed[1]

    def _forget(self, newest: int) -> None:
        oldest = newest - (HELD - 1) * _MINUTE
        self.classes = {end: found for end, found in self.classes.items() if end >= oldest}
        self.domains = {end: found for end, found in self.domains.items() if end > newest - _HOUR - 2 * _MINUTE}
        self.settled = {end for end in self.settled if end >= oldest}

    def _hour_to_ask(self, newest: int) -> int | None:
        """Return the end of the newest hour with a gap, or of one that has to be asked for once more."""
        last = -(-newest // _HOUR) * _HOUR
        ends = range(last, newest - HELD * _MINUTE, -_HOUR)
        for end in ends:
            if any(minute not in self.classes for minute in self._minutes(end, newest)):
                return end
        if not all(minute in self.domains for minute in range(newest - _HOUR + _MINUTE, newest + 1, _MINUTE)):
            return next((end for end in ends if self._lacks_domains(end, newest)), None)
        return next((end for end in ends if end not in self.settled and self._settles(end)), None)

    def _minutes(self, end: int, newest: int) -> range:
        oldest = newest - (HELD - 1) * _MINUTE
        return range(max(end - _HOUR + _MINUTE, oldest), min(end, newest) + 1, _MINUTE)

    def _lacks_domains(self, end: int, newest: int) -> bool:
        recent = newest - _HOUR
        return any(minute > recent and minute not in self.domains for minute in self._minutes(end, newest))

    def _settles(self, end: int) -> bool:
        """Say whether the lines of an hour that is asked for now are all there: no shipper is still catching up."""
        now, back = self.loki.clock().timestamp(), self.loki.source.back_since
        return now >= end + _SETTLED and (back is None or now >= back.timestamp() + _SETTLED)

    async def _ask_minute(self, end: int) -> None:
        try:
            answer = await self.loki.value(fleet_by_domain_and_status(), at=end, reader=_READER)
        except LokiRefusedError:
            # Too many series. The classes are few; the domains of this minute stay unknown.
            answer = await self.loki.value(fleet_by_status(), at=end, reader=_READER)
            self.classes[end] = _by_class(answer).get(end, {})
            self.domains[end] = None
            return
        self.classes[end] = _by_class(answer).get(end, {})
        self.domains[end] = _by_domain(answer).get(end, {})

    async def _ask(self, query: str, minutes: range) -> Answer:
        first = minutes[0] - _MINUTE
        return await self.loki.series(query, start=first, end=minutes[-1], step=_MINUTE, reader=_READER)

    async def _ask_hour(self, end: int, newest: int) -> None:
        minutes = self._minutes(end, newest)
        found = _by_class(await self._ask(fleet_by_status(), minutes))
        if self._lacks_domains(end, newest):
            await self._ask_domains(minutes)
        for minute in minutes:
            self.classes[minute] = found.get(minute, {})
        if self._settles(end):
            self.settled.add(end)

    async def _ask_domains(self, minutes: range) -> None:
        try:
            counts = await self._ask(fleet_by_domain(), minutes)
            failed = await self._ask(fleet_errors_by_domain(), minutes)
        except LokiRefusedError:
            self.domains.update(dict.fromkeys(minutes))
            return
        requests, errors = _by_domain(counts), _by_domain(failed)
        for minute in minutes:
            of_minute = errors.get(minute, {})
            self.domains[minute] = {
                domain: (count, of_minute.get(domain, (0, 0))[0])
                for domain, (count, _none) in requests.get(minute, {}).items()
            }


def _by_class(answer: Answer) -> dict[int, dict[str, int]]:
    """Return the requests of an answer by minute and class."""
    found: dict[int, dict[str, int]] = {}
    for series in answer.series:
        name = status_class(series.labels.get("status", ""))
        for at, value in series.points:
            minute = found.setdefault(at, {})
            minute[name] = minute.get(name, 0) + round(value)
    return found


def _by_domain(answer: Answer) -> dict[int, dict[str, tuple[int, int]]]:
    """Return the requests and the server errors of an answer by minute and domain."""
    found: dict[int, dict[str, tuple[int, int]]] = {}
    for series in answer.series:
        domain = series.labels.get("domain", "")
        failed = status_class(series.labels.get("status", "")) == "5xx"
        for at, value in series.points:
            minute = found.setdefault(at, {})
            count, errors = minute.get(domain, (0, 0))
            minute[domain] = (count + round(value), errors + (round(value) if failed else 0))
    return found
