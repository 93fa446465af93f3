# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the log of a container was read, so that the next slice begins with the next line.

The engine finds lines by their time, and several lines may have one time. A log only grows at its end. So a place in it
is a whole second, and the number of lines from that second on that were read. Values in, values out.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import RefusedError
from ..times import parse_time

__all__ = ("Cursor", "advance", "after", "begin", "dump_cursors", "load_cursors")

# Two streams of a container write side by side, so a line may have a time that is a little before the one above it.
_SLACK_SECONDS = 1
_MOST_TRIED = 60


@dataclass(frozen=True)
class Cursor:
    """A place in the log of a container: ``seen`` lines from the second ``since`` on (of the epoch) were read."""

    since: int = 0
    seen: int = 0


def begin(last: Sequence[str], recent: Sequence[str], *, since: int) -> tuple[list[str], Cursor]:
    """Return the lines to show first, and the place after them.

    ``last`` are the last lines of the log. ``recent`` are all lines from the second ``since`` on, and were read after
    ``last``, so the log may have grown between.
    """
    return [*last, *after(last[-1] if last else None, recent)], Cursor(since, len(recent))


def after(line: str | None, lines: Sequence[str]) -> list[str]:
    """Return the lines after the last one that is ``line``; all of them if it is not among them."""
    found = [place for place, known in enumerate(lines) if known == line]
    return list(lines[found[-1] + 1 :]) if found else list(lines)


def advance(cursor: Cursor, lines: Sequence[str]) -> Cursor:
    """Return the place after ``lines``, which are all lines from the second of the cursor on, the known ones too.

    A line that comes later and is more than a second older than the newest one may be left out.
    The new second is one that parts the lines into those before and those after it. Some releases of the engine leave
    out each line that is older, others leave out the lines until the first one that is not.
    """
    seconds = _seconds(lines, cursor.since)
    latest = max(seconds, default=cursor.since)
    for since in range(latest - _SLACK_SECONDS, max(cursor.since, latest - _MOST_TRIED), -1):
        before = sum(1 for second in seconds if second < since)
        if all(second < since for second in seconds[:before]):
            return Cursor(since, len(lines) - before)
    return Cursor(cursor.since, len(lines))


def _seconds(lines: Sequence[str], first: int) -> list[int]:
    """Return the second of each line. A line without a time has that of the line before it."""
    seconds: list[int] = []
    for line in lines:
        moment = parse_time(line.partition(" ")[0])
        before = seconds[-1] if seconds else first
        seconds.append(before if moment is None else int(moment.timestamp()))
    return seconds


def dump_cursors(cursors: Mapping[str, Cursor]) -> str:
    """Return the cursors of containers, by their ids, as one text."""
    return json.dumps({identity: [cursor.since, cursor.seen] for identity, cursor in sorted(cursors.items())})


def load_cursors(text: str) -> dict[str, Cursor]:
    """Return the cursors in a text that ``dump_cursors`` made. RefusedError if it is another text."""
    try:
        found = {
            str(identity): Cursor(int(since), int(seen)) for identity, (since, seen) in json.loads(text or "{}").items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise RefusedError("this is no place in a log", field="cursor", value=text[:80]) from error
    return found
