"""Charts and sparklines as paths of SVG. A value that is not there leaves a gap."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

__all__ = ("chart", "spark")

Value = float | None
_WIDTH, _HEIGHT = 1000, 100
_SPARK_WIDTH, _SPARK_HEIGHT = 120, 26
_MOST_LINES = 5


def spark(values: Sequence[Value]) -> dict[str, Any] | None:
    """Return the two paths of a small chart without scales; None if there is nothing to draw."""
    known = [value for value in values if value is not None]
    if len(values) < 2 or not known:
        return None
    top = max(*known, 0.0) or 1.0
    step = _SPARK_WIDTH / (len(values) - 1)
    line, area = [], []
    for run in _runs(values):
        points = [(index * step, _SPARK_HEIGHT - 2 - value / top * (_SPARK_HEIGHT - 5)) for index, value in run]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        line.append(f"M{path}")
        area.append(f"M{points[0][0]:.1f} {_SPARK_HEIGHT}L{path}L{points[-1][0]:.1f} {_SPARK_HEIGHT}Z")
    return {"w": _SPARK_WIDTH, "h": _SPARK_HEIGHT, "line": "".join(line), "area": "".join(area)}


def chart(
    series: Sequence[Sequence[Value]],
    times: Sequence[str],
    *,
    stacked: bool = False,
    unit: Callable[[float], str] = "{:g}".format,
) -> dict[str, Any] | None:
    """Return paths in a box of 1000 by 100, the labels of both scales, and the gaps; None if no value is known.

    ``series`` are of one length, which is that of the points in time; ``times`` are the labels of the time scale.
    """
    count = len(series[0]) if series else 0
    holes = [index for index in range(count) if all(values[index] is None for values in series)]
    if count < 2 or len(holes) == count:
        return None
    layers = _layers(series) if stacked else [(None, list(values)) for values in series]
    top = max((value for _low, high in layers for value in high if value is not None), default=0.0) or 1.0
    step = _step(top)
    lines = max(1, math.ceil(top / step - 1e-9))
    scale = step * lines

    def place(index: int, value: float) -> str:
        return f"{index * _WIDTH / (count - 1):.1f} {_HEIGHT - value / scale * _HEIGHT:.2f}"

    return {
        "paths": [_path(low, high, place) for low, high in layers],
        "y": [unit(step * number) for number in range(lines + 1)],
        "lines": [round(_HEIGHT - number * _HEIGHT / lines, 2) for number in range(lines + 1)],
        "x": list(times),
        "gaps": list(_gaps(holes, count)),
    }


def _layers(series: Sequence[Sequence[Value]]) -> list[tuple[list[Value] | None, list[Value]]]:
    found: list[tuple[list[Value] | None, list[Value]]] = []
    below: list[float] = [0.0] * len(series[0])
    for values in series:
        above = [low + (value or 0.0) for low, value in zip(below, values, strict=True)]
        known = [None if all(other[index] is None for other in series) else above[index] for index in range(len(above))]
        found.append((list(below), known))
        below = above
    return found


def _path(low: Sequence[Value] | None, high: Sequence[Value], place: Callable[[int, float], str]) -> str:
    parts = []
    for run in _runs(high):
        upper = "L".join(place(index, value) for index, value in run)
        if low is None:
            parts.append(f"M{upper}")
            continue
        under = "L".join(place(index, low[index] or 0.0) for index, _value in reversed(run))
        parts.append(f"M{upper}L{under}Z")
    return "".join(parts)


def _runs(values: Sequence[Value]) -> Iterator[list[tuple[int, float]]]:
    """Yield the parts of a series in which all values are known, each value with its index."""
    run: list[tuple[int, float]] = []
    for index, value in enumerate(values):
        if value is not None:
            run.append((index, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _gaps(holes: Sequence[int], count: int) -> Iterator[tuple[float, float]]:
    """Yield the left end and the width of each gap, from the last known point to the next one."""
    if not holes:
        return
    starts = [holes[0], *(after for before, after in pairwise(holes) if after != before + 1)]
    ends = [*(before for before, after in pairwise(holes) if after != before + 1), holes[-1]]
    for start, end in zip(starts, ends, strict=True):
        left, right = max(0, start - 1), min(count - 1, end + 1)
        yield round(left * _WIDTH / (count - 1), 1), round((right - left) * _WIDTH / (count - 1), 1)


def _step(top: float) -> float:
    """Return the step of a scale with at most five lines above zero: 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(top))
    return next(part * power for part in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5) if top / (part * power) <= _MOST_LINES)
