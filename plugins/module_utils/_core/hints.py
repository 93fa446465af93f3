# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The next command to try, as a value: each door writes the command in its own words.

The module returns a hint in both forms: as text for who runs ``ansible-playbook``, and as a mapping that the wrapper
writes as a ``vsa`` command. Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = (
    "SHORT_NAMES",
    "UNDO_KEYS",
    "Advice",
    "Hint",
    "advice_in",
    "as_mapping",
    "parse_hint",
    "playbook_command",
    "undo_keys",
)

SHORT_NAMES = ("domain", "upstream")
"""Options that every playbook takes without the name of their role."""

_RUN_OPTIONS = ("limit",)  # options of ansible-playbook itself


@dataclass(frozen=True)
class Hint:
    """A verb and the options to give to the verb.

    * ``verb``: noun and verb as results name them (``site.provision``, ``bootstrap``).
    * ``fields``: names of the role's options without the role's own name (``container`` for ``site_container``), and
      their values. True stands for a switch, a mapping for NAME=VALUE pairs. ``limit`` means the hosts of the run.
    * ``same``: the command is the refused one, with these options added.
    * ``note``: what the reader has to know besides; the note follows the command after a comma.
    """

    verb: str
    fields: Mapping[str, object] = field(default_factory=dict)
    same: bool = False
    note: str = ""


def playbook_command(hint: Hint) -> str:
    """Return a hint as a command line of ``ansible-playbook``."""
    noun = hint.verb.partition(".")[0]
    words: list[str] = []
    for name, value in hint.fields.items():
        if name in _RUN_OPTIONS:
            words += [f"--{name}", shlex.quote(str(value))]
        else:
            variable = name if name in SHORT_NAMES else f"{noun}_{name}"
            words += ["-e", shlex.quote(_extra_variable(variable, value))]
    command = f"ansible-playbook flowbiz.vsa.{hint.verb.replace('-', '_')}"
    return _sentence(hint, "the same with" if hint.same else command, words)


class Advice(str):
    """A note with the command to run next: ``SENTENCE: COMMAND``.

    An advice is text, in the words of Ansible's door, so it goes wherever a note goes. ``sentence`` and ``hint`` are
    its two parts, from which the wrapper writes the same note with its own command.
    """

    __slots__ = ("hint", "sentence")

    sentence: str
    hint: Hint

    def __new__(cls, sentence: str, hint: Hint) -> Advice:
        text = f"{sentence}: {playbook_command(hint)}" if sentence else playbook_command(hint)
        advice = super().__new__(cls, text)
        advice.sentence = sentence
        advice.hint = hint
        return advice


def advice_in(value: object) -> list[Advice]:
    """Return every advice in a value made of mappings and lists, each once, in the order of the value."""
    if isinstance(value, Advice):
        return [value]
    parts: Iterable[object] = ()
    if isinstance(value, Mapping):
        parts = value.values()
    elif isinstance(value, (list, tuple)):
        parts = value
    return list(dict.fromkeys(advice for part in parts for advice in advice_in(part)))


def as_mapping(hint: Hint) -> dict[str, object]:
    """Return a hint as a mapping of JSON values; what is not said is left out."""
    mapping: dict[str, object] = {"verb": hint.verb, "fields": dict(hint.fields)}
    if hint.same:
        mapping["same"] = True
    if hint.note:
        mapping["note"] = hint.note
    return mapping


UNDO_KEYS = ("undo", "undo_hint")


def undo_keys(undo: Hint) -> dict[str, object]:
    """Return the keys of a module's result that name the verb which undoes a change.

    ``undo`` is text for a reader of Ansible's output; from ``undo_hint`` the wrapper writes its own command.
    """
    return {"undo": playbook_command(undo), "undo_hint": as_mapping(undo)}


def parse_hint(mapping: object) -> Hint | None:
    """Return the hint that a mapping of :func:`as_mapping` holds, or None if the mapping holds none."""
    if not isinstance(mapping, Mapping) or not isinstance(mapping.get("verb"), str):
        return None
    fields = mapping.get("fields")
    return Hint(
        verb=mapping["verb"],
        fields={str(name): value for name, value in fields.items()} if isinstance(fields, Mapping) else {},
        same=mapping.get("same") is True,
        note=str(mapping.get("note") or ""),
    )


def _extra_variable(variable: str, value: object) -> str:
    """Return the argument of ``-e``: JSON for a mapping, else NAME=VALUE."""
    if isinstance(value, Mapping):
        return json.dumps({variable: dict(value)})
    return f"{variable}={_variable_text(value)}"


def _variable_text(value: object) -> str:
    """Return a value as ``-e NAME=VALUE`` takes it: lists by commas, switches as true and false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(str(item) for item in value)
    return str(value)


def _sentence(hint: Hint, command: str, words: Sequence[str]) -> str:
    line = " ".join((command, *words))
    return f"{line}, {hint.note}" if hint.note else line
