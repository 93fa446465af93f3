"""The JSON of the Traffic page, for OpenAPI."""

from __future__ import annotations

from pydantic import BaseModel, Field

__all__ = ("PanelView", "TailEvent", "TrafficView")


class RangeView(BaseModel):
    """A time from ``from`` until ``to``, which is not in it, in steps. Its name is ``free`` if both were given."""

    name: str
    from_: str = Field(alias="from")
    to: str
    step_seconds: int


class CostView(BaseModel):
    """What was read for a panel: questions to Loki, lines, seconds of Loki, and hours and answers from memory."""

    questions: int
    lines: int
    seconds: float
    remembered: int


class Card(BaseModel):
    """A figure of the range. ``change`` is in percent for counts and bytes, else in the unit; null without a value."""

    key: str
    name: str
    unit: str
    value: float | None
    before: float | None
    change: float | None
    course: list[float | None]


class ChartSeries(BaseModel):
    """The values of a line at each step; null is no value."""

    name: str
    values: list[float | None]


class Chart(BaseModel):
    """Lines over time. ``times`` are the starts of the steps."""

    unit: str
    times: list[str]
    to: str
    series: list[ChartSeries]


class TableRow(BaseModel):
    """A row of a table. ``errors`` are server errors, in the table of paths; null if they are not known."""

    name: str
    requests: int
    errors: int | None = None


class TrafficTable(BaseModel):
    """Requests by something. ``total`` is null if only the first rows are known; ``more``: there may be more."""

    rows: list[TableRow]
    total: int | None
    more: bool


class LogLine(BaseModel):
    """A log line, escaped and cut. ``text`` is there for a line that is no JSON."""

    id: str
    at: str
    status: str
    method: str
    uri: str
    client: str
    seconds: float | None
    bytes: float | None
    agent: str
    text: str | None


class LogView(BaseModel):
    """The newest lines that match, the newest first, and how many match until ``to``."""

    lines: list[LogLine]
    matches: int
    most: int
    to: str


class PanelView(BaseModel):
    """A panel.

    ``state`` is ok, ask (it would read a lot), busy (ask again), down (since), refused, or off (there is no Loki).
    """

    panel: str
    title: str
    state: str
    text: str | None
    since: str | None
    domain: str
    range: RangeView
    parameters: dict[str, str]
    cost: CostView | None
    compared: RangeView | None
    cards: list[Card] | None
    chart: Chart | None
    table: TrafficTable | None
    log: LogView | None


class SourceView(BaseModel):
    """A source of the page: ok, bad, or silent (nothing is known), with the time of what is shown of it."""

    name: str
    state: str
    at: str | None
    text: str | None


class BusyDomain(BaseModel):
    """A domain with its requests and server errors of the last hour."""

    domain: str
    requests: int
    errors: int


class Fleet(BaseModel):
    """The whole fleet, from the minutes in memory. ``whole_hour``: whether each minute of the last hour is known."""

    minutes_known: int
    minutes: int
    whole_hour: bool
    chart: Chart
    busiest: list[BusyDomain]


class SearchView(BaseModel):
    """The search in the log."""

    q: str
    status: str
    method: str


class TrafficView(BaseModel):
    """The page. With a domain ``panels`` are its panels if all were asked for; without one there is the fleet.

    ``parameters`` are those of the address that shows this.
    """

    time: str
    domain: str | None
    unknown: str | None
    like: list[str]
    domains: int
    range: RangeView
    ranges: list[str]
    search: SearchView
    parameters: dict[str, str]
    panels: dict[str, PanelView]
    fleet: Fleet | None
    sources: list[SourceView]


class TailEvent(BaseModel):
    """A second of the live tail: new lines, oldest first; how many were left out; seconds that were not followed."""

    state: str
    at: str
    text: str | None
    lines: list[LogLine]
    left_out: int
    skipped_seconds: int
