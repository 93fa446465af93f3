# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verb returns: steps in the operator's words, and the data of its module.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .hints import advice_in
from .hints import as_mapping as hint_mapping
from .words import as_shown

__all__ = (
    "CHANGED",
    "OK",
    "RESULT_SCHEMA",
    "WARNING",
    "WOULD_CHANGE",
    "Result",
    "Step",
    "as_module_result",
    "joined",
    "remarks",
)

RESULT_SCHEMA = 1

OK = "ok"
CHANGED = "changed"
WOULD_CHANGE = "would_change"
_MOST_REMARKS = 20
WARNING = "warning"


@dataclass(frozen=True)
class Step:
    """One line that the operator reads, with further lines below it.

    ``name`` is a short noun (preflight, certificate, proxy …); ``state`` is OK, CHANGED, WOULD_CHANGE or WARNING.
    Text and notes hold no control character: they are shown in terminals, and may quote anybody.
    """

    name: str
    state: str
    text: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Escape control characters."""
        object.__setattr__(self, "text", as_shown(self.text))
        object.__setattr__(self, "notes", tuple(map(as_shown, self.notes)))


@dataclass(frozen=True)
class Result:
    """The result of a verb on one host.

    ``data`` holds the other keys of the module's result. ``diff`` is the unified diff of the files that change; None if
    no diff was asked for.
    """

    changed: bool = False
    steps: tuple[Step, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    diff: str | None = None


def joined(first: Result, second: Result) -> Result:
    """Return the result of two parts of a verb, in the order in which they were done.

    If both have the same key in their data, the second part's value counts.
    """
    return Result(
        changed=first.changed or second.changed,
        steps=(*first.steps, *second.steps),
        data={**first.data, **second.data},
        diff=second.diff if second.diff is not None else first.diff,
    )


def as_module_result(result: Result) -> dict[str, Any]:
    """Return what a module hands to exit_json: changed, schema, the steps, the data, and the diff if there is one.

    ``advice`` lists the notes that end with a command, so that the wrapper can write its own command in them.
    """
    mapping: dict[str, Any] = {"changed": result.changed, "schema": RESULT_SCHEMA}
    if result.steps:
        mapping["steps"] = [
            {"name": step.name, "state": step.state, "text": step.text, "notes": list(step.notes)}
            for step in result.steps
        ]
    mapping.update(result.data)
    if result.diff is not None:
        mapping["diff"] = {"prepared": result.diff}
    advice = advice_in(mapping)
    if advice:
        mapping["advice"] = [
            {"text": str(each), "sentence": each.sentence, "hint": hint_mapping(each.hint)} for each in advice
        ]
    return mapping


def remarks(mapping: Mapping[str, Any]) -> list[str]:
    """Return what the steps of a module's result remark: the text of each warning, and every note, each with its step.

    Of many remarks the last one says how many more there are.
    """
    found: list[str] = []
    for step in mapping.get("steps") or ():
        name = step.get("name")
        texts = [step.get("text")] if step.get("state") == WARNING else []
        found += [f"{name}: {text}" for text in (*texts, *(step.get("notes") or ()))]
    if len(found) > _MOST_REMARKS:
        return [*found[: _MOST_REMARKS - 1], f"and {len(found) - _MOST_REMARKS + 1} more remarks, see the result"]
    return found
