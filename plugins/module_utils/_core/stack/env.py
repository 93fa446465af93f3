# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment file of a stack, env/.env on the host: parse it, complete it, and check values for it.

Texts and mappings in, values out; files are read and written elsewhere.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .. import forms
from ..errors import RefusedError
from .manifest import Secret, Stack

__all__ = ("ENV", "ENV_EXAMPLE", "complete_env", "env_value", "env_values", "missing_secrets", "parse_env")

ENV = "env/.env"
ENV_EXAMPLE = ".env.example"

_VALUE = re.compile(r"[A-Za-z0-9_./:@%+=,-]{0,500}")


def parse_env(text: str, *, where: str = ENV) -> dict[str, str]:
    """Return the variables of an environment file.

    A line is ``NAME=value``, a comment, or empty; a pair of quotes around a value is removed. ``where`` names the file
    in an error.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        name, equals, value = content.partition("=")
        name = name.removeprefix("export ").strip()
        if not equals or not _is_variable(name):
            # The error names the line and does not show it: the line may hold a secret.
            raise RefusedError(
                "a line is not NAME=value", field="env", value=f"{where}:{number}", expected="NAME=value"
            )
        found[name] = _unquoted(value.strip())
    return found


def _is_variable(name: str) -> bool:
    try:
        forms.variable(name, field="env")
    except RefusedError:
        return False
    return True


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    if quoted:
        return value[1:-1]
    return re.split(r"\s#", value, maxsplit=1)[0].rstrip()


def env_value(value: object, *, field: str) -> str:
    """Return a value that needs no quotes in an environment file. RefusedError does not show the value."""
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else None
    if text is None or not _VALUE.fullmatch(text):
        raise RefusedError(
            "this is not a plain value", field=field, expected="at most 500 letters, digits and . _ / : @ % + = , -"
        )
    return text


def env_values(data: Mapping[str, object], *, field: str = "env") -> dict[str, str]:
    """Return the variables that an operator sets, with names and values checked. RefusedError names the variable."""
    found = {}
    for name, value in data.items():
        place = f"{field}/{name}"
        found[forms.variable(name, field=place)] = env_value(value, field=place)
    return found


def missing_secrets(stack: Stack, env: str | None) -> tuple[Secret, ...]:
    """Return the secrets of the stack that its environment file lacks or leaves empty."""
    present = parse_env(env or "")
    return tuple(secret for secret in stack.secrets if not present.get(secret.name))


def complete_env(env: str | None, example: str, values: Mapping[str, str]) -> str:
    """Return the environment file with ``values`` set; all other lines stay, comments too.

    ``env`` is None if the host has no environment file yet: the stack's example is the start. A variable is set in its
    last line, else in the last line that proposes it in a comment, else in a new line at the end. Values are written as
    they are: see ``env_value``.
    """
    lines = (example if env is None else env).splitlines()
    for name, value in values.items():
        if parse_env("\n".join(lines)).get(name) == value:
            continue
        place = _line_of(name, lines)
        if place is None:
            lines.append(f"{name}={value}")
        else:
            lines[place] = f"{name}={value}"
    return "".join(f"{line}\n" for line in lines)


def _line_of(name: str, lines: list[str]) -> int | None:
    """Return the number of the line to replace: the last that sets the variable, else the last that proposes it."""
    for pattern in (rf"\s*(?:export\s+)?{name}\s*=", rf"\s*#\s?{name}="):
        found = [number for number, line in enumerate(lines) if re.match(pattern, line)]
        if found:
            return found[-1]
    return None
