# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify the chain of a trail: every line has the hash of its content, and every line names the hash of the one before.

The hashes need no key, so anybody who can write the trail can write a new one with valid hashes. A head (the hash of
the last record) that is kept elsewhere reveals that too: see ``heads``.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import itertools
import json
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .record import GENESIS, content_of, hash_of_next

__all__ = ("ChainProblem", "ChainVerdict", "NumberedLine", "verify")

NumberedLine = tuple[str, int, bytes]
"""A file's name, the number of a line in it from 1 on, and the line as it is, with its newline if it has one."""

_MOST_PROBLEMS = 100
_LOOK_BACK = 1000


@dataclass(frozen=True)
class ChainProblem:
    """One thing that is wrong: ``what`` is edited, removed, inserted, reordered, truncated or head."""

    what: str
    file: str
    line: int
    id: str | None
    text: str


@dataclass
class ChainVerdict:
    """The state of a trail: the number of records, the ``head`` (hash of the last valid line), and the problems."""

    records: int = 0
    head: str = GENESIS
    problems: list[ChainProblem] = field(default_factory=list)


def verify(lines: Iterable[NumberedLine], *, heads: Mapping[str, str] | None = None) -> ChainVerdict:
    """Return the verdict on the lines of a trail, given oldest first.

    ``heads`` are hashes that the trail once had, each with a word for its source; the chain must still contain them. At
    most a hundred problems of lines are listed.
    """
    verdict = ChainVerdict()
    wanted = {head for head in heads or () if head != GENESIS}
    # Most trails are valid, so lines are collected only from the first break on, and a few lines before it: an inserted
    # line is recognised only by the line after it.
    recent: deque[NumberedLine] = deque(maxlen=_LOOK_BACK)
    rest = iter(lines)
    broken = _follow(rest, recent, wanted, verdict)
    if broken is not None:
        _follow_broken(itertools.chain((broken,), rest), recent, wanted, verdict)
    for head in sorted(wanted):
        text = (
            f"no record has the hash {head} any more, known from {(heads or {})[head]}: the trail was cut or rewritten"
        )
        verdict.problems.append(ChainProblem("head", "", verdict.records, None, text))
    return verdict


def _follow(
    lines: Iterator[NumberedLine], recent: deque[NumberedLine], wanted: set[str], verdict: ChainVerdict
) -> NumberedLine | None:
    """Follow the chain to the first line that is not valid or names another line before it. Return that line, or None.

    The verdict counts the lines before that line, and ``recent`` has the last ones of them. The heads that are found
    are taken out of ``wanted``.
    """
    head, records = GENESIS.encode(), 0
    missing = {known.encode("utf-8", "surrogateescape") for known in wanted}
    broken = None
    for place in lines:
        following = hash_of_next(place[2], head)
        if following is None:
            broken = place
            break
        head = following
        records += 1
        recent.append(place)
        if head in missing:
            wanted.discard(head.decode())
    verdict.head, verdict.records = head.decode(), records
    return broken


def _follow_broken(
    lines: Iterator[NumberedLine], recent: deque[NumberedLine], wanted: set[str], verdict: ChainVerdict
) -> None:
    """Read all lines from the first break of the chain on, and name the problems."""
    before = [content_of(place[2].rstrip(b"\n")) for place in recent]
    places: list[NumberedLine] = [("", 0, b""), *recent]
    start = before[0][0] if before else verdict.head
    hashes: list[tuple[str, str]] = [("", start), *((entry[0], entry[1]) for entry in before)]
    for place in lines:
        verdict.records += 1
        try:
            previous, claimed, computed = content_of(place[2].rstrip(b"\n"))
        except ValueError:
            previous = claimed = computed = ""
        valid = claimed == computed and claimed != ""
        places.append(place)
        hashes.append((previous, claimed if valid else ""))
        if valid:
            wanted.discard(claimed)
            verdict.head = claimed
    _explain(places, hashes, verdict)


def _explain(places: list[NumberedLine], hashes: list[tuple[str, str]], verdict: ChainVerdict) -> None:
    """Name the problems from the first broken line on. Entry 0 stands for the last valid line before it.

    The lines are followed by their hashes. A line at another position than its hash says was moved; a line that no
    other line leads to was inserted; if no line follows, a line was removed.
    """
    found: dict[int, tuple[str, str]] = {}
    for number in range(1, len(places)):
        data = places[number][2]
        valid = hashes[number][1] != ""
        torn = data[-1:] != b"\n"
        if not valid and (torn or not data.rstrip(b"\n").endswith(b'"}')):
            found[number] = ("truncated", "the line is cut short")
        elif not valid:
            found[number] = ("edited", "the line's content is not what its hash says")
        elif torn:
            found[number] = ("truncated", "the last line has no end")
    order = _followed(hashes, found)
    kept = _in_order(order)
    for number in order:
        if number not in kept:
            found.setdefault(number, ("reordered", "the line stands where it does not belong"))
    reached = set(order)
    for number in range(1, len(places)):
        if hashes[number][1] and number not in reached:
            found.setdefault(number, ("inserted", "no later line follows this one"))
    for number in sorted(found)[:_MOST_PROBLEMS]:
        file, line, data = places[number]
        verdict.problems.append(ChainProblem(found[number][0], file, line, _id_of(data), found[number][1]))


def _followed(hashes: list[tuple[str, str]], found: dict[int, tuple[str, str]]) -> list[int]:
    """Return the numbers of the lines in the order of the chain; gaps are added to ``found``."""
    successors: dict[str, list[int]] = {}
    for number in range(1, len(hashes)):
        if hashes[number][1]:
            successors.setdefault(hashes[number][0], []).append(number)
    known = {entry[1] for entry in hashes if entry[1]}
    # The lines whose predecessor is missing: each begins a part of the chain.
    orphans = [number for number in range(1, len(hashes)) if hashes[number][1] and hashes[number][0] not in known]
    starts = iter(orphans)
    order: list[int] = []
    seen = {hashes[0][1]}
    current: int | None = 0
    while current is not None:
        following = [number for number in successors.get(hashes[current][1], ()) if hashes[number][1] not in seen]
        # If several lines claim the same predecessor, the one that has a successor itself is the right one.
        continued = [number for number in following if hashes[number][1] in successors]
        current = next(iter(continued or following), None)
        if current is None:
            current = next(starts, None)
            if current is not None and hashes[current - 1][1]:
                text = "a line before this one is gone, or the one before it was rewritten"
                found.setdefault(current, ("removed", text))
        if current is not None:
            seen.add(hashes[current][1])
            order.append(current)
    return order


def _in_order(order: list[int]) -> set[int]:
    """Return the longest increasing subsequence of a list, as a set."""
    ends: list[int] = []
    links: dict[int, int | None] = {}
    for number in order:
        place = bisect_left(ends, number)
        links[number] = ends[place - 1] if place else None
        ends[place : place + 1] = [number]
    kept: set[int] = set()
    current = ends[-1] if ends else None
    while current is not None:
        kept.add(current)
        current = links[current]
    return kept


def _id_of(line: bytes) -> str | None:
    try:
        found = json.loads(line)["id"]
    except (ValueError, KeyError, TypeError):
        text = line.decode("utf-8", "replace")
        start = text.find('"id":"')
        return text[start + 6 : start + 42] if start >= 0 else None
    return str(found)
