"""Fields and flags. The one table is what the verbs declare: a parameter of Click has the name of the role's option.

So a hint of the core is written as a ``vsa`` command, and a field of an error is named as the operator types it.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from vsa.core import Hint, VsaError, parse_hint, site_fields

__all__ = ("command_line", "fields_as_flags", "in_own_words", "result_in_own_words", "with_flag")


def command_line(hint: Hint, *, root: click.Command) -> str:
    """Return a hint as the ``vsa`` command to type."""
    parameters = _parameters(_command(root, hint.verb))
    arguments: list[str] = []
    options: list[str] = []
    for field, value in hint.fields.items():
        parameter = parameters.get(field)
        if isinstance(parameter, click.Argument):
            arguments += [_argument_text(entry) for entry in (_texts(value) if isinstance(value, Mapping) else [value])]
        elif isinstance(parameter, click.Option) and parameter.is_flag:
            # A switch means True, unless it is declared for False: --no-redirect.
            if value is (parameter.flag_value is not False):
                options.append(_flag(field, parameters))
        else:
            options += _typed(_flag(field, parameters), value)
    beginning = "the same with" if hint.same else " ".join(("vsa", *hint.verb.split(".")))
    line = " ".join((beginning, *arguments, *options))
    return f"{line}, {hint.note}" if hint.note else line


def in_own_words(error: Mapping[str, Any], *, root: click.Command) -> dict[str, Any]:
    """Return an error whose hint is the ``vsa`` command to type, instead of the value that a module returned."""
    worded = dict(error)
    hints = _hints(worded.pop("hint", None))
    if hints:
        worded["try"] = ", or ".join(command_line(hint, root=root) for hint in hints)
    return worded


def result_in_own_words(
    result: Mapping[str, Any], *, root: click.Command, undo_of: str = "", local: bool = False
) -> dict[str, Any]:
    """Return a module's result with ``vsa`` commands to type: in its error, in its undo and in its advice.

    ``undo_of`` is the noun whose verbs can undo the run; another one would undo a part of it, and is left out. The undo
    of a run on this machine alone (``local``) names no host.
    """
    worded = dict(result)
    advice = worded.pop("advice", None)
    if isinstance(advice, list):
        worded = _reworded(worded, _advice_lines(advice, root=root))
    hint = parse_hint(worded.pop("undo_hint", None))
    if undo_of and not (hint and hint.verb.startswith(f"{undo_of}.")):
        worded.pop("undo", None)
    elif hint is not None:
        fields = {name: value for name, value in hint.fields.items() if not (local and name == "limit")}
        worded["undo"] = command_line(dataclasses.replace(hint, fields=fields), root=root)
    if isinstance(worded.get("vsa_error"), Mapping):
        worded["vsa_error"] = in_own_words(worded["vsa_error"], root=root)
    return worded


def _advice_lines(advice: Iterable[object], *, root: click.Command) -> dict[str, str]:
    """Return the note to print for each note that ends with a command of Ansible's door."""
    lines = {}
    for entry in advice:
        hint = parse_hint(entry.get("hint")) if isinstance(entry, Mapping) else None
        if isinstance(entry, Mapping) and hint is not None:
            command, sentence = command_line(hint, root=root), entry.get("sentence")
            lines[str(entry.get("text"))] = f"{sentence}: {command}" if sentence else command
    return lines


def _reworded(value: Any, lines: Mapping[str, str]) -> Any:
    """Return a value with each of its texts that is a key of ``lines`` replaced."""
    if isinstance(value, str):
        return lines.get(value, value)
    if isinstance(value, Mapping):
        return {key: _reworded(item, lines) for key, item in value.items()}
    if isinstance(value, list):
        return [_reworded(item, lines) for item in value]
    return value


def with_flag(error: Mapping[str, Any], *, command: click.Command) -> dict[str, Any]:
    """Return an error whose field is named by its flag, if the command has one for the field."""
    field = error.get("field")
    parameters = _parameters(command)
    if isinstance(field, str) and (isinstance(parameters.get(field), click.Option) or _is_setting(field, parameters)):
        return {**error, "field": _flag(field, parameters)}
    return dict(error)


@contextmanager
def fields_as_flags(command: click.Command) -> Iterator[None]:
    """Name the field of an error that the core raises here by the command's flag."""
    try:
        yield
    except VsaError as error:
        error.field = with_flag({"field": error.field}, command=command)["field"]
        raise


def _command(root: click.Command, verb: str) -> click.Command | None:
    """Return the command of a verb, or None if this wrapper does not know the verb."""
    command: click.Command | None = root
    for word in verb.split("."):
        command = command.commands.get(word) if isinstance(command, click.Group) else None
    return command


def _parameters(command: click.Command | None) -> dict[str, click.Parameter]:
    return {str(parameter.name): parameter for parameter in command.params} if command else {}


def _is_setting(field: str, parameters: Mapping[str, click.Parameter]) -> bool:
    """Say whether a field is typed as ``--set FIELD=VALUE``."""
    return "settings" in parameters and field not in parameters and field in site_fields()


def _flag(field: str, parameters: Mapping[str, click.Parameter]) -> str:
    if _is_setting(field, parameters):
        return f"--set {field}"
    names = parameters[field].opts if field in parameters else []
    long_names = [name for name in names if name.startswith("--")]
    return long_names[0] if long_names else f"--{field.replace('_', '-')}"


def _argument_text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return shlex.quote(str(value))


def _typed(flag: str, value: object) -> list[str]:
    """Return the words that say a value. The flag is repeated for each entry of a list."""
    if flag.startswith("--set "):
        field = flag.removeprefix("--set ")
        return ["--set", shlex.quote(f"{field}={','.join(_texts(value))}")]
    return [word for text in _texts(value) for word in (flag, shlex.quote(text))]


def _texts(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{name}={item}" for name, item in value.items()]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(item) for item in value]
    return [str(value)]


def _hints(found: object) -> list[Hint]:
    """Return the hints in an error that came from elsewhere."""
    if not isinstance(found, list):
        return []
    parsed = [parse_hint(entry) for entry in found]
    return [hint for hint in parsed if hint is not None]
