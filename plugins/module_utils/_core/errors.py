# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of VSA, and the exit codes of every door.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence

from .hints import Hint, as_mapping, playbook_command
from .words import Words, as_shown, escaped

__all__ = (
    "EXIT_DUE",
    "EXIT_INTERNAL",
    "EXIT_INTERRUPTED",
    "EXIT_NOT_ROLLED_BACK",
    "EXIT_OK",
    "EXIT_REFUSED",
    "EXIT_ROLLED_BACK",
    "EXIT_UNREACHABLE",
    "EXIT_USAGE",
    "NOTHING_CHANGED",
    "STATUS",
    "InternalError",
    "NotRolledBackError",
    "RefusedError",
    "RolledBackError",
    "UsageError",
    "VsaError",
    "announced_outcome",
    "shown",
    "worst_exit",
)

EXIT_OK = 0
EXIT_INTERNAL = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_ROLLED_BACK = 4
EXIT_UNREACHABLE = 5
EXIT_NOT_ROLLED_BACK = 6
EXIT_DUE = 7
EXIT_INTERRUPTED = 130

STATUS = {
    EXIT_OK: "ok",
    EXIT_INTERNAL: "internal_error",
    EXIT_USAGE: "usage_error",
    EXIT_REFUSED: "refused",
    EXIT_ROLLED_BACK: "failed",
    EXIT_UNREACHABLE: "unreachable",
    EXIT_NOT_ROLLED_BACK: "not_put_back",
    EXIT_DUE: "due",
    EXIT_INTERRUPTED: "interrupted",
}
"""The word for each exit code: in `--json`, in summaries and in the audit trail.

Stored records have these words, so a word never changes.
"""

# If a task fails only to say something, its message may begin with one of these words: the exit code that each means.
_ANNOUNCED = {"refused": EXIT_REFUSED, "rolled back": EXIT_ROLLED_BACK, "not rolled back": EXIT_NOT_ROLLED_BACK}

# The actions whose message is the task's own. The message of any other action may be words of another program.
_SAYING = ("ansible.builtin.fail", "ansible.builtin.assert")

_LONGEST_VALUE = 200  # letters
_LONGEST_NUMBER = 256  # bits


class _Bounded(reprlib.Repr):
    """Writes values in bounded length.

    Python refuses to write a number of thousands of digits, and a YAML file can hold such a number in hexadecimal.
    """

    def repr_int(self, x: int, level: int) -> str:
        """Return a number, or its length if the number is long."""
        del level
        return repr(x) if x.bit_length() <= _LONGEST_NUMBER else f"a number of {x.bit_length()} bits"


_SHOWN = _Bounded()
_SHOWN.maxlevel, _SHOWN.maxstring, _SHOWN.maxother = 3, _LONGEST_VALUE, _LONGEST_VALUE

NOTHING_CHANGED = "nothing was changed"
"""The state of a host after a refusal. It is true of one module: a run of several must not say it after a change."""

_WORST_FIRST = (
    EXIT_INTERRUPTED,
    EXIT_INTERNAL,
    EXIT_NOT_ROLLED_BACK,
    EXIT_ROLLED_BACK,
    EXIT_UNREACHABLE,
    EXIT_REFUSED,
    EXIT_USAGE,
    EXIT_DUE,
    EXIT_OK,
)


def worst_exit(codes: list[int] | tuple[int, ...]) -> int:
    """Return one exit code for several hosts: the worst. An unknown code counts as an internal error."""
    known = {code if code in _WORST_FIRST else EXIT_INTERNAL for code in codes}
    return next((code for code in _WORST_FIRST if code in known), EXIT_OK)


def announced_outcome(message: str, *, action: str) -> tuple[int, str] | None:
    """Return the exit code that a failed task's message begins with (``refused: …``), and the rest of the message.

    ``action`` is the full name of the task's action. None if the message announces no outcome, or if it may be the
    words of another program: they never decide how a run ended.
    """
    outcome, colon, rest = message.partition(": ")
    if action not in _SAYING or not colon or outcome not in _ANNOUNCED:
        return None
    return _ANNOUNCED[outcome], rest


def shown(value: object) -> str:
    """Return a value as text of bounded length for an error. The value may come from a hostile file."""
    return escaped(value if isinstance(value, str) else _SHOWN.repr(value))[:_LONGEST_VALUE]


class VsaError(ValueError):
    """An error with all that an operator needs to act on it.

    * ``message``: what is wrong, in one line, without the value of a secret.
    * ``field`` and ``value``: the option or the place in a file that is wrong (``container``, ``routes/1/path``).
    * ``expected``: what would be right. ``there_are``: the candidates that exist.
    * ``state``: the state of the host now.
    * ``hint``: the next command to try. A verb of VSA is a :class:`Hint`, or several of them to choose from. Text is
      for what is the same at every door (a path, ``docker ps``).
    * ``details``: further lines, e.g. NGINX's own words.

    No text of an error holds a control character: an error is shown in terminals, and may quote anybody.
    * ``steps``: the steps that were done before, as results list them. The caller that knows the steps adds them.
    """

    exit_code = EXIT_REFUSED

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        value: object = None,
        expected: str | None = None,
        there_are: Sequence[str] = (),
        state: str = NOTHING_CHANGED,
        hint: str | Hint | Sequence[Hint] | None = None,
        details: Sequence[str | Words] = (),
        exit_code: int | None = None,
    ) -> None:
        super().__init__(escaped(message))
        self.message = escaped(message)
        self.field = field
        self.value = value
        self.expected = None if expected is None else escaped(expected)
        self.there_are = [escaped(entry) for entry in there_are]
        self.state = escaped(state)
        self.hint = hint
        self.details = [as_shown(line) for line in details]
        self.steps: list[dict[str, object]] = []
        if exit_code is not None:
            self.exit_code = exit_code

    def as_result(self) -> dict[str, object]:
        """Return the keys that a module hands to ``fail_json``.

        ``vsa_error`` has the hint twice: ``try`` is text for a reader of Ansible's output, ``hint`` a list of mappings
        from which the wrapper writes its own command.
        """
        words = (
            ("field", self.field),
            ("value", None if self.value is None else shown(self.value)),
            ("expected", self.expected),
            ("there_are", self.there_are),
            ("try", self._hint_text()),
            ("hint", [as_mapping(hint) for hint in self._hints()]),
            ("details", self.details),
        )
        error = {"message": self.message, "state": self.state, **{key: value for key, value in words if value}}
        where = f" ({self.field} = '{shown(self.value)}')" if self.field and self.value is not None else ""
        steps = {"steps": self.steps} if self.steps else {}
        return {"msg": f"{self.message}{where}", "schema": 1, "vsa_exit": self.exit_code, "vsa_error": error, **steps}

    def _hints(self) -> Sequence[Hint]:
        """Return the hints that are values."""
        if self.hint is None or isinstance(self.hint, str):
            return ()
        return (self.hint,) if isinstance(self.hint, Hint) else self.hint

    def _hint_text(self) -> str:
        """Return the hint in the words of Ansible's door."""
        if isinstance(self.hint, str):
            return self.hint
        return ", or ".join(playbook_command(hint) for hint in self._hints())


class UsageError(VsaError):
    """The request is wrong, whatever the host has: exit 2."""

    exit_code = EXIT_USAGE


class RefusedError(VsaError):
    """A value has not its form, or does not fit the host. Nothing was changed: exit 3."""

    exit_code = EXIT_REFUSED


class RolledBackError(VsaError):
    """A change failed and was rolled back: exit 4."""

    exit_code = EXIT_ROLLED_BACK


class NotRolledBackError(VsaError):
    """A change failed, and the rollback failed too. ``state`` says what is half done: exit 6."""

    exit_code = EXIT_NOT_ROLLED_BACK


class InternalError(VsaError):
    """VSA itself is wrong: exit 1."""

    exit_code = EXIT_INTERNAL
