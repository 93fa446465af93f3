"""Rows of the result: the goals, the measurement in rounds, and the table."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ("Row", "Wanted", "measure", "table")


@dataclass(frozen=True)
class Wanted:
    """A row to be measured.

    ``command`` does it once and returns its seconds; the row's figure is a multiple of the row ``base``, else seconds.
    With ``least`` the figure is how many times faster than its base the row is, and must reach the goal. Where it
    returns something else than seconds, ``unit`` says what.
    """

    row: str
    command: Callable[[], float]
    base: str | None = None
    goal: float | None = None
    least: bool = False
    unit: str = "s"


@dataclass(frozen=True)
class Row:
    """One line of the result. ``measured`` and ``goal`` are in ``unit``."""

    row: str
    seconds: list[float]
    median: float
    measured: float
    unit: str
    goal: float | None
    least: bool = False

    @property
    def verdict(self) -> str:
        """Say whether the goal is met; a row without a goal is only for comparison."""
        if self.goal is None:
            return "—"
        return "met" if (self.measured >= self.goal if self.least else self.measured <= self.goal) else "MISSED"


def measure(wanted: Sequence[Wanted], rounds: int, *, title: str) -> list[Row]:
    """Measure the rows in rounds (every row once per round), and compare them with their goals.

    The first round does not count: it warms caches and the connection, and makes what the others find.
    """
    taken: dict[str, list[float]] = {want.row: [] for want in wanted}
    for number in range(rounds + 1):
        print(f"bench: {title}: " + (f"round {number} of {rounds}" if number else "warming up"), flush=True)
        for want in wanted:
            seconds = want.command()
            if number:
                taken[want.row].append(round(seconds, 3))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    return [_row(want, taken[want.row], medians) for want in wanted]


def _row(want: Wanted, seconds: list[float], medians: dict[str, float]) -> Row:
    median = medians[want.row]
    if want.base is None:
        measured, unit = median, want.unit
    elif want.least:
        measured, unit = medians[want.base] / median, f"× faster than {want.base}"
    else:
        measured, unit = median / medians[want.base], f"× {want.base}"
    return Row(want.row, seconds, round(median, 3), round(measured, 2), unit, want.goal, want.least)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as one table."""
    lines = [f"{'ROW':<44}{'MEDIAN':>9}  {'MEASURED':<52}{'GOAL':<8}VERDICT"]
    for row in rows:
        goal = "—" if row.goal is None else f"{'≥' if row.least else '≤'} {row.goal:g}"
        median = f"{row.median:.3f}" if row.median < 1 else f"{row.median:.2f}"
        told = "s" if row.unit.startswith("×") else row.unit
        lines.append(f"{row.row:<44}{median:>7} {told}  {f'{row.measured:.2f} {row.unit}':<52}{goal:<8}{row.verdict}")
    return "\n".join(lines)
