"""Figures of domains by the hour. Closed hours never change, so they are asked for once and kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from hub.traffic.answers import NO_COST, Answer, Cost
from hub.traffic.client import Loki
from hub.traffic.queries import Selector, bytes_query, counts_query, seconds_query
from hub.traffic.ranges import Range
from hub.traffic.shared import Shared, together

__all__ = ("BYTES", "COUNTS", "SECONDS", "Hours", "Kind", "Step")

_HOUR = 3600
# A line arrives late if its shipper was down. After so many seconds an hour counts as closed.
_SETTLED = 300
# One question reads so many seconds at most: a month of a busy domain in one question fails.
_MOST_SPAN = 24 * _HOUR
# Numbers that are kept in memory, about 100 bytes each.
_MOST_NUMBERS = 400_000

Step = Mapping[tuple[str, ...], float]
"""The figures of one step by the values of their labels."""


@dataclass(frozen=True)
class Kind:
    """A kind of figures: its name, the labels that tell its series apart, and its query."""

    name: str
    labels: tuple[str, ...]
    query: Callable[[Selector, int], str]


COUNTS = Kind("counts", ("status", "method"), counts_query)
BYTES = Kind("bytes", (), bytes_query)
SECONDS = Kind("seconds", ("s",), seconds_query)

_Key = tuple[str, str, int, int]


@dataclass
class Hours:
    """The closed hours in memory by domain, kind, step and hour, the longest unused leave first."""

    loki: Loki
    shared: Shared[Answer]
    most: int = _MOST_NUMBERS
    numbers: int = 0
    kept: OrderedDict[_Key, tuple[Step, ...]] = field(default_factory=OrderedDict)

    async def steps(self, domain: str, kind: Kind, asked: Range, *, reader: str) -> tuple[list[Step], Cost]:
        """Return the figures of each step of a range, and what they cost."""
        found = {
            hour: self._known((domain, kind.name, asked.base, hour))
            for hour in range(asked.start // _HOUR * _HOUR, asked.end, _HOUR)
        }
        remembered = sum(steps is not None for steps in found.values())
        missing = [hour for hour, steps in found.items() if steps is None]
        runs = [(first, min(last, asked.end)) for first, last in _runs(missing)]
        asking = [self._ask(domain, kind, first, last, asked.base, reader) for first, last in runs]
        answers = await together(asking)
        cost = NO_COST + Cost(remembered=remembered)
        for steps_by_hour, paid in answers:
            found.update(steps_by_hour)
            cost += paid
        flat = [step for hour in sorted(found) for step in found[hour] or ()]
        skipped = (asked.start % _HOUR) // asked.base
        return _grouped(flat[skipped:], asked.step // asked.base, len(asked.times)), cost

    def sum_known(self, domain: str, asked: Range) -> int | None:
        """Return the requests of a range if all of its hours are in memory; None if Loki would have to be asked."""
        total = 0.0
        for hour in range(asked.start // _HOUR * _HOUR, asked.end, _HOUR):
            steps = self.kept.get((domain, COUNTS.name, asked.base, hour))
            if steps is None:
                return None
            total += sum(sum(step.values()) for step in steps)
        return round(total)

    def count(self, domain: str, start: int, end: int) -> int:
        """Return how many hours of a domain are in memory, over all kinds and steps."""
        return sum(name == domain and start <= hour < end for name, _kind, _step, hour in tuple(self.kept))

    async def _ask(
        self, domain: str, kind: Kind, first: int, last: int, step: int, reader: str
    ) -> tuple[dict[int, tuple[Step, ...]], Cost]:
        """Ask for a time of whole hours, the last of which may still be open. Closed hours are kept."""
        query = kind.query(Selector(domain), step)

        async def question() -> Answer:
            return await self.loki.series(query, start=first, end=last, step=step, reader=reader)

        answer, first_asked = await self.shared.ask((query, first, last, step), question)
        steps: list[dict[tuple[str, ...], float]] = [{} for _step in range(first, last, step)]
        for series in answer.series:
            key = tuple(series.labels.get(label, "") for label in kind.labels)
            for at, value in series.points:
                number = (at - first) // step - 1
                if 0 <= number < len(steps):
                    steps[number][key] = steps[number].get(key, 0.0) + value
        per_hour = _HOUR // step
        by_hour: dict[int, tuple[Step, ...]] = {
            first + _HOUR * number: tuple(steps[per_hour * number : per_hour * (number + 1)])
            for number in range(-(-(last - first) // _HOUR))
        }
        closed = self.loki.clock().timestamp() - _SETTLED
        for hour, figures in by_hour.items():
            if hour + _HOUR <= min(last, closed):
                self._keep((domain, kind.name, step, hour), figures)
        return by_hour, answer.cost if first_asked else Cost(remembered=len(by_hour))

    def _known(self, key: _Key) -> tuple[Step, ...] | None:
        found = self.kept.get(key)
        if found is not None:
            self.kept.move_to_end(key)
        return found

    def _keep(self, key: _Key, figures: tuple[Step, ...]) -> None:
        if key in self.kept:
            self.numbers -= _weight(self.kept.pop(key))
        self.kept[key] = figures
        self.numbers += _weight(figures)
        while self.numbers > self.most and self.kept:
            _oldest, gone = self.kept.popitem(last=False)
            self.numbers -= _weight(gone)


def _weight(figures: tuple[Step, ...]) -> int:
    return len(figures) + sum(len(step) for step in figures)


def _runs(hours: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of hours that follow each other, a day at most."""
    start = end = None
    for hour in hours:
        if start is None or hour != end or hour - start >= _MOST_SPAN:
            if start is not None and end is not None:
                yield start, end
            start = hour
        end = hour + _HOUR
    if start is not None and end is not None:
        yield start, end


def _grouped(steps: list[Step], size: int, count: int) -> list[Step]:
    """Return so many sums of ``size`` steps each."""
    if size == 1:
        return steps[:count]
    found: list[Step] = []
    for number in range(count):
        total: dict[tuple[str, ...], float] = {}
        for step in steps[number * size : (number + 1) * size]:
            for key, value in step.items():
                total[key] = total.get(key, 0.0) + value
        found.append(total)
    return found
