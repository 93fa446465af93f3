"""What a reader asks of a list: which rows, in which order, which page. Everything stands in the address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from hub.errors import HubError
from hub.fleet.kinds import KINDS

__all__ = ("PAGE", "Listing", "Question", "listed", "question_of")

PAGE = 100
"""The most rows of a page."""
_LONGEST = 253
_MOST_PAGES = 100_000


@dataclass(frozen=True)
class Question:
    """``q`` is a part of a name; ``kind`` is a state; ``more`` are filters of one page, such as its tenant."""

    q: str = ""
    kind: str | None = None
    node: str | None = None
    sort: str = ""
    page: int = 1
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """The rows of one page, how many rows there are with this question, and how many of each kind without ``kind``."""

    rows: Sequence[Mapping[str, Any]]
    total: int
    counts: Mapping[str, int]
    nodes: Sequence[str]
    pages: int


def question_of(values: Mapping[str, str], *, sorts: Iterable[str], more: Iterable[str] = ()) -> Question:
    """Return the question in the query of an address. HubError 400 names the field whose value is wrong."""
    for name, value in values.items():
        if len(value) > _LONGEST or "\0" in value:
            raise HubError(400, "bad_request", f"at most {_LONGEST} characters without NUL are expected", name)
    kind, sort = values.get("state") or None, values.get("sort") or ""
    if kind is not None and kind not in KINDS:
        raise _refused("state", kind, KINDS)
    known = tuple(sorts)
    if sort.removeprefix("-") not in ("", *known):
        raise _refused("sort", sort, known)
    return Question(
        q=values.get("q", "").strip().lower(),
        kind=kind,
        node=values.get("node") or None,
        sort=sort,
        page=_page(values.get("page") or "1"),
        more={name: values[name] for name in more if values.get(name)},
    )


def _page(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and 1 <= int(text) <= _MOST_PAGES):
        raise HubError(400, "bad_request", "a whole number from 1 is expected", "page", text[:20])
    return int(text)


def _refused(field_: str, value: str, known: Iterable[str]) -> HubError:
    return HubError(400, "bad_request", f"one of these is expected: {', '.join(known)}", field_, value[:80])


def listed(
    rows: Sequence[Mapping[str, Any]],
    question: Question,
    *,
    sorts: Mapping[str, Callable[[Mapping[str, Any]], Any]],
) -> Listing:
    """Return the rows that a question asks for. Each row has ``kind``, ``node``, ``name``, its ``place`` among the
    worst, and ``words`` to search in.

    Without a sort the worst rows come first. A sort that begins with ``-`` is the other way round.
    """
    found = list(rows)
    if question.q or question.node or question.more:
        found = [row for row in rows if _fits(row, question)]
    counted = Counter(row["kind"] for row in found)
    counts = {kind: counted[kind] for kind in KINDS}
    if question.kind is not None:
        found = [row for row in found if row["kind"] == question.kind]
    # The place decides between equal rows, so a page is the same each time. The rows of each node are in order already.
    found.sort(key=itemgetter("place"))
    key = sorts.get(question.sort.removeprefix("-"))
    if key is not None:
        found.sort(key=key, reverse=question.sort.startswith("-"))
    elif question.sort == "-state":
        found.reverse()
    pages = max(1, -(-len(found) // PAGE))
    first = (min(question.page, pages) - 1) * PAGE
    nodes = sorted({row["node"] for row in rows})
    return Listing(found[first : first + PAGE], len(found), counts, nodes, pages)


def _fits(row: Mapping[str, Any], question: Question) -> bool:
    if question.q and question.q not in row["words"]:
        return False
    if question.node is not None and row["node"] != question.node:
        return False
    return all(str(row.get(name) or "") == value for name, value in question.more.items())
