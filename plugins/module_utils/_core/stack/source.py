# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the folder of a stack comes from: the collection, a folder beside the inventory, or a directory that was named.

Values in, values out; directories are read elsewhere.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import RefusedError
from ..words import escaped

__all__ = ("COLLECTION", "INVENTORY", "NAMED", "Source", "choose_source", "kept_source", "refuse_other_source")

COLLECTION = "collection"
INVENTORY = "inventory"
NAMED = "named"
_KINDS = (COLLECTION, INVENTORY, NAMED)


@dataclass(frozen=True)
class Source:
    """A directory on a controller with folders of stacks.

    ``kind`` says which one it is. ``place`` is its path on the controller that read it; another controller may have it
    elsewhere, so only the kinds are compared. ``typed`` says whether the operator named it.
    """

    kind: str
    place: str = ""
    typed: bool = field(default=False, compare=False)

    @property
    def words(self) -> str:
        """Return the source for a reader."""
        if self.kind == COLLECTION:
            return "the collection"
        place = escaped(self.place)
        return f"{place} beside the inventory" if self.kind == INVENTORY else place

    def as_dict(self) -> dict[str, str]:
        """Return what the record of a stack keeps."""
        return {"kind": self.kind, "place": self.place}


def kept_source(data: Mapping[str, object] | None) -> Source | None:
    """Return the source in the record of a stack; None if an earlier release wrote the record."""
    found = data or {}
    kind = found.get("kind")
    return Source(str(kind), str(found.get("place") or "")) if kind in _KINDS else None


def choose_source(sources: Sequence[Source], having: Mapping[str, bool]) -> tuple[Source | None, tuple[Source, ...]]:
    """Return the first source that has the stack, and the other ones that have it too. ``having`` is by place."""
    found = [source for source in sources if having.get(source.place)]
    return (found[0] if found else None), tuple(found[1:])


def refuse_other_source(name: str, source: Source, kept: Source | None) -> str | None:
    """Refuse to take a stack that runs from another source than before, unless the operator named the source.

    Returns a note if the source is another one because the operator said so. RefusedError names both sources.
    """
    if kept is None or kept.kind == source.kind:
        return None
    if source.typed:
        return f"{name} comes from {source.words} now, and came from {kept.words}"
    raise RefusedError(
        f"{name} runs from {kept.words}, and would now come from {source.words}",
        field="source",
        value=source.words,
        expected=kept.words,
        hint="--from with the directory that is meant, or for Ansible the variable stack_source",
    )
