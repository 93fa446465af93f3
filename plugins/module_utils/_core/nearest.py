# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which known names a mistyped name may stand for: "did you mean web-1".

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ("distance", "nearest", "there_are")

_LONGEST = 300  # letters; a longer text is no mistyped name
_SHORT = 6  # letters; in a shorter name two wrong letters make another word
_MOST_SHOWN = 3
_MOST_THERE = 20


def nearest(word: str, names: Iterable[str]) -> list[str]:
    """Return the names that are one or two typing mistakes away from a word: the nearest, at most three.

    A name of less than six letters may be one mistake away. Capitals make no difference. The word itself is no result.
    """
    found = []
    for name in dict.fromkeys(names):
        allowed = 2 if min(len(name), len(word)) >= _SHORT else 1
        away = distance(word.lower(), name.lower(), most=allowed)
        if name != word and away <= allowed:
            found.append((away, name))
    least = min(found, default=(0, ""))[0]
    return sorted(name for away, name in found if away == least)[:_MOST_SHOWN]


def there_are(word: str, names: Iterable[str]) -> list[str]:
    """Return the names that an error lists for an unknown name: the meant ones first, then the others, at most twenty.

    On a host with many sites the name that somebody mistyped would otherwise be among those that are cut off.
    """
    known = sorted(set(names))
    meant = nearest(word, known)
    return [*meant, *(name for name in known if name not in meant)][:_MOST_THERE]


def distance(first: str, second: str, *, most: int) -> int:
    """Return how many letters have to be added, removed, replaced or swapped with their neighbour to make one text of
    the other; ``most + 1`` if there are more than ``most``.
    """
    if abs(len(first) - len(second)) > most or max(len(first), len(second)) > _LONGEST:
        return most + 1
    before: list[int] = []
    row = list(range(len(second) + 1))
    for line, letter in enumerate(first, start=1):
        earlier, before, row = before, row, [line]
        for column, other in enumerate(second, start=1):
            cost = min(before[column] + 1, row[-1] + 1, before[column - 1] + (letter != other))
            swapped = line > 1 and column > 1 and letter == second[column - 2] and first[line - 2] == other
            row.append(min(cost, earlier[column - 2] + 1) if swapped else cost)
    return min(row[-1], most + 1)
