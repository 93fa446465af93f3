"""What Loki answers: series of numbers, lines, and what the question cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ("NO_COST", "Answer", "Cost", "Line", "Series", "WrongAnswerError", "parsed_answer", "weight_of")


class WrongAnswerError(ValueError):
    """The answer is not what Loki's API describes."""


@dataclass(frozen=True)
class Cost:
    """What was read for an answer: questions to Loki, lines, seconds of Loki, and hours that came from memory."""

    questions: int = 0
    lines: int = 0
    seconds: float = 0.0
    remembered: int = 0

    def __add__(self, other: Cost) -> Cost:
        """Return the cost of both."""
        return Cost(
            self.questions + other.questions,
            self.lines + other.lines,
            self.seconds + other.seconds,
            self.remembered + other.remembered,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the cost as the API shows it."""
        return {
            "questions": self.questions,
            "lines": self.lines,
            "seconds": round(self.seconds, 3),
            "remembered": self.remembered,
        }


NO_COST = Cost()


@dataclass(frozen=True)
class Series:
    """The labels of a series and its points: seconds since 1970 and a number."""

    labels: Mapping[str, str]
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Line:
    """A log line with its labels and its time in nanoseconds since 1970."""

    at: int
    labels: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Answer:
    """The series of a metric query, or the lines of a log query in the order in which Loki sent them."""

    series: tuple[Series, ...] = ()
    lines: tuple[Line, ...] = ()
    cost: Cost = NO_COST


def weight_of(answer: Answer) -> int:
    """Return how much memory an answer takes, in points of a series."""
    letters = sum(len(line.text) for line in answer.lines)
    return 1 + sum(1 + len(series.points) for series in answer.series) + 5 * len(answer.lines) + letters // 100


def parsed_answer(document: Any) -> Answer:
    """Return what a document of /query or /query_range says. WrongAnswerError if it has another form."""
    try:
        data = document["data"]
        kind, result = data["resultType"], data["result"]
        cost = _cost(data.get("stats"))
        if kind == "streams":
            return Answer(lines=tuple(_lines(result)), cost=cost)
        if kind == "matrix":
            return Answer(series=tuple(_series(entry, entry["values"]) for entry in result), cost=cost)
        if kind == "vector":
            return Answer(series=tuple(_series(entry, [entry["value"]]) for entry in result), cost=cost)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise WrongAnswerError(f"{type(error).__name__} in the answer") from error
    raise WrongAnswerError("the answer has no known type")


def _cost(stats: Any) -> Cost:
    """Return the cost by Loki's own statistics. A server that sends none has an unknown cost, shown as zero lines."""
    summary = (stats or {}).get("summary") or {}
    lines = int(summary.get("totalLinesProcessed", 0))
    return Cost(questions=1, lines=lines, seconds=float(summary.get("execTime", 0.0)))


def _series(entry: Mapping[str, Any], values: Any) -> Series:
    labels = {str(name): str(value) for name, value in entry["metric"].items()}
    return Series(labels, tuple((round(at), float(value)) for at, value in values))


def _lines(result: Any) -> list[Line]:
    found = []
    for stream in result:
        labels = {str(name): str(value) for name, value in stream["stream"].items()}
        # Loki 3 may add a third entry with structured metadata.
        found += [Line(int(value[0]), labels, str(value[1])) for value in stream["values"]]
    return found
