# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a trail is whole: every line's hash is its own, and every line follows the one before it.

The hashes need no key, so whoever may write the trail can write a whole new one; a head that is kept elsewhere finds
that as well (``heads``).
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .record import GENESIS, content_of

__all__ = ("ChainProblem", "ChainVerdict", "NumberedLine", "verify")

NumberedLine = tuple[str, int, bytes]
"""A file's name, the number of a line in it from 1 on, and the line as it is, with its newline if it has one."""

_MOST_PROBLEMS = 100
_LOOK_BACK = 1000


@dataclass(frozen=True)
class ChainProblem:
    """What is wrong with a line: ``what`` is edited, removed, inserted, reordered, truncated or head."""

    what: str
    file: str
    line: int
    id: str | None
    text: str


@dataclass
class ChainVerdict:
    """What a trail is: how many records, the ``head`` (the hash of the last good line), and what is wrong."""

    records: int = 0
    head: str = GENESIS
    problems: list[ChainProblem] = field(default_factory=list)


def verify(lines: Iterable[NumberedLine], *, heads: Mapping[str, str] | None = None) -> ChainVerdict:
    """Return the verdict over the lines of a trail, oldest first.

    ``heads`` are hashes of records that were seen before, with where they are known from: they have to be in the chain
    still. At most a hundred problems of lines are listed.
    """
    verdict = ChainVerdict()
    # Most trails are whole: lines are remembered from the first break on, and a few before it, for a line that was put
    # in betrays itself by its successor alone.
    recent: deque[tuple[NumberedLine, str, str]] = deque(maxlen=_LOOK_BACK)
    places: list[NumberedLine] = []
    hashes: list[tuple[str, str]] = []
    wanted = {head for head in heads or () if head != GENESIS}
    previous, broken = GENESIS, False
    for place in lines:
        verdict.records += 1
        try:
            before, claimed, computed = content_of(place[2].rstrip(b"\n"))
        except ValueError:
            before = claimed = computed = ""
        valid = claimed == computed and claimed != ""
        if wanted and valid:
            wanted.discard(claimed)
        if not broken and (not valid or before != previous or place[2][-1:] != b"\n"):
            broken = True
            places = [("", 0, b""), *(entry[0] for entry in recent)]
            hashes = [("", recent[0][1] if recent else previous), *(entry[1:] for entry in recent)]
        if broken:
            places.append(place)
            hashes.append((before, claimed if valid else ""))
        elif valid:
            recent.append((place, before, claimed))
        if valid:
            previous = claimed
    if broken:
        _explain(places, hashes, verdict)
    verdict.head = previous
    for head in sorted(wanted):
        text = (
            f"no record has the hash {head} any more, known from {(heads or {})[head]}: the trail was cut or rewritten"
        )
        verdict.problems.append(ChainProblem("head", "", verdict.records, None, text))
    return verdict


def _explain(places: list[NumberedLine], hashes: list[tuple[str, str]], verdict: ChainVerdict) -> None:
    """Name what is wrong from the first broken line on; the entry 0 stands for the last good line before it.

    The lines are followed by their hashes as far as they lead: what stands elsewhere than that says was moved, what is
    never reached was put in, and where nothing follows, something is gone.
    """
    found: dict[int, tuple[str, str]] = {}
    for number in range(1, len(places)):
        data = places[number][2]
        if not hashes[number][1]:
            cut = data[-1:] != b"\n" or not data.rstrip(b"\n").endswith(b'"}')
            found[number] = (
                ("truncated", "the line is cut short")
                if cut
                else ("edited", "the line's content is not what its hash says")
            )
        elif data[-1:] != b"\n":
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
    """Return the numbers of the lines in the order in which each follows the one before; gaps go to ``found``."""
    successors: dict[str, list[int]] = {}
    for number in range(1, len(hashes)):
        if hashes[number][1]:
            successors.setdefault(hashes[number][0], []).append(number)
    known = {entry[1] for entry in hashes if entry[1]}
    # Where a part of the chain begins whose predecessor is not there.
    starts = iter([number for number in range(1, len(hashes)) if hashes[number][1] and hashes[number][0] not in known])
    order: list[int] = []
    seen = {hashes[0][1]}
    current: int | None = 0
    while current is not None:
        following = [number for number in successors.get(hashes[current][1], ()) if hashes[number][1] not in seen]
        # Of several that claim the same place the one that others follow.
        current = next((n for n in following if hashes[n][1] in successors), following[0] if following else None)
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
    """Return the most numbers of a list that rise: its longest increasing part."""
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
