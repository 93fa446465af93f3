# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment file of a stack, env/.env on the host: parse it, complete it, and check values for it.

Texts and mappings in, values out; files are read and written elsewhere.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from .. import forms
from ..errors import RefusedError
from ..hints import Hint
from .compose import interpolate
from .files import File, text_of
from .manifest import Stack
from .secrets import BCRYPT_OF, Secret

__all__ = (
    "ENV",
    "ENV_EXAMPLE",
    "complete_env",
    "env_for_compose",
    "env_value",
    "env_values",
    "hashed_variables",
    "is_secret_name",
    "missing_secrets",
    "parse_env",
    "previous_values",
    "refuse_typed_secrets",
    "stack_variables",
    "typed_secret",
    "with_identity",
)

ENV = "env/.env"
ENV_EXAMPLE = ".env.example"
# Compose itself reads this file beside compose.yml.
_BESIDE = ".env"

# What double quotes escape, and what stands for a dollar until variables are filled in.
_ESCAPED = re.compile(r"\\([abfnrtv$\\])")
_ESCAPES = dict(zip("abfnrtv$\\", ("\a", "\b", "\f", "\n", "\r", "\t", "\v", "$$", "\\"), strict=True))
# What needs no quotes.
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=,-]*")
_MOST_LETTERS = 4096
# The words of a variable's name that say that its value is a secret.
_SECRET_WORDS = frozenset(
    "PASS PASSWD PASSWORD PASSPHRASE PWD SECRET SECRETS TOKEN KEY APIKEY CREDENTIAL CREDENTIALS".split()
)
# The value is then the place of a secret, and no secret.
_PLACES = ("FILE", "PATH")


def parse_env(text: str, *, where: str = ENV) -> dict[str, str]:
    """Return the variables of an environment file, with the values that Compose reads there.

    A line is ``NAME=value``, a comment, or empty. In single quotes a value is what stands there; in double quotes, and
    without quotes, variables of earlier lines are filled in. ``where`` names the file in an error.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
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
        found[name] = _value(value.strip(), found)
    return found


def _is_variable(name: str) -> bool:
    try:
        forms.variable(name, field="env")
    except RefusedError:
        return False
    return True


def _value(written: str, known: Mapping[str, str]) -> str:
    """Return the value that Compose reads. Source: https://docs.docker.com/compose/how-tos/environment-variables/"""
    quote = written[:1]
    if quote not in ("'", '"'):
        return interpolate(re.split(r"\s#", written, maxsplit=1)[0].rstrip(), known)
    inner = _inside(written, quote)
    if inner is None:
        return written
    if quote == "'":
        return inner
    return interpolate(_ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[0]), inner), known)


def _inside(written: str, quote: str) -> str | None:
    """Return what stands between a quote and the next one that no backslash precedes; None if there is no next one."""
    found: list[str] = []
    letters = iter(written[1:])
    for letter in letters:
        if letter == quote:
            return "".join(found)
        following = next(letters, "") if letter == "\\" else ""
        found.append(following if following == quote else letter + following)
    return None


def env_value(value: object, *, field: str) -> str:
    """Return a value for an environment file: printable text without a single quote. RefusedError does not show it."""
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else None
    if text is None or "'" in text or not text.isprintable() or len(text) > _MOST_LETTERS:
        raise RefusedError(
            "this is not a value for an environment file",
            field=field,
            expected=f"at most {_MOST_LETTERS} printable letters without a single quote (') and without a line end",
        )
    return text


def _written(name: str, value: str) -> str:
    """Return the line that sets a variable, so that Compose reads exactly this value."""
    if _PLAIN.fullmatch(value):
        return f"{name}={value}"
    backslashes = len(value) - len(value.rstrip("\\"))
    if backslashes % 2 == 0:
        return f"{name}='{value}'"
    # The last backslash would take the single quote after it away.
    escaped = re.sub(r"([\\\"$])", r"\\\1", value)
    return f'{name}="{escaped}"'


def stack_variables(files: Mapping[str, File], env: str) -> str:
    """Return the variables of a stack: those of its own .env, then those of env/.env. The last line counts."""
    return f"{text_of(files[_BESIDE])}\n{env}" if _BESIDE in files else env


def with_identity(variables: str, *, tenant: str, name: str) -> str:
    """Return the variables that Compose fills in: whose stack it is, and those of the stack.

    ``VSA_TENANT`` and ``VSA_STACK`` let one folder serve several tenants.
    """
    return f"VSA_TENANT={tenant}\nVSA_STACK={name}\n{variables}"


def env_for_compose(stack: Stack, files: Mapping[str, File], env: str) -> str:
    """Return the variables that Compose fills in for a stack."""
    return with_identity(stack_variables(files, env), tenant=stack.tenant, name=stack.name)


def env_values(data: Mapping[str, object], *, field: str = "env") -> dict[str, str]:
    """Return the variables that an operator sets, with names and values checked. RefusedError names the variable."""
    found = {}
    for name, value in data.items():
        place = f"{field}/{name}"
        found[forms.variable(name, field=place)] = env_value(value, field=place)
    return found


def is_secret_name(name: str) -> bool:
    """Say whether the value of a variable is a secret, as far as its name says: ``SMTP_PASSWORD``, ``API_KEY``."""
    words = name.upper().split("_")
    return words[-1] not in _PLACES and not _SECRET_WORDS.isdisjoint(words)


def refuse_typed_secrets(typed: Collection[str], stack: Stack) -> None:
    """Refuse variables whose values were ``typed`` on a command line if stack.yml says that they are secrets.

    RefusedError names the variable, and not its value.
    """
    secrets = {secret.name for secret in stack.secrets}
    for name in sorted(secrets.intersection(typed)):
        raise typed_secret(name, field="env")


def typed_secret(name: str, *, field: str) -> RefusedError:
    """Return the refusal of a secret that was typed on a command line."""
    return RefusedError(
        f"{name} is a secret, and others can see what is typed on a command line",
        field=field,
        value=f"{name}=***",
        expected=f"{name}=-, and the value on standard input; by ansible-playbook: -e @FILE",
    )


def missing_secrets(stack: Stack, env: str | None) -> tuple[Secret, ...]:
    """Return the random secrets of the stack that its environment file lacks or leaves empty."""
    present = parse_env(env or "")
    random = [secret for secret in stack.secrets if secret.format != BCRYPT_OF]
    return tuple(secret for secret in random if not present.get(secret.name))


def previous_values(stack: Stack, env: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return what the environment file has for each variable that ``values`` change; empty text if it lacks one.

    Nothing if one of them is a secret by its name: a command that sets it again would show it.
    """
    known = parse_env(env)
    before = {name: known.get(name, "") for name, value in values.items() if known.get(name, "") != value}
    secrets = {secret.name for secret in stack.secrets}
    return {} if any(name in secrets or is_secret_name(name) for name in before) else before


def hashed_variables(stack: Stack, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the text to hash for each hash among the secrets. RefusedError if the variable of a hash is not set."""
    found = {}
    for secret in stack.secrets:
        if secret.format != BCRYPT_OF or secret.of is None:
            continue
        value = variables.get(secret.of)
        if not value:
            raise RefusedError(
                f"the variable {secret.of} is not set, and {secret.name} is its hash",
                field=f"env/{secret.of}",
                value="(not set)",
                expected=f"a value for {secret.of}, or a secret of this name in stack.yml",
                hint=Hint("stack.up", {"name": stack.name, "env": {secret.of: "-"}}),
            )
        found[secret.name] = value
    return found


def complete_env(env: str | None, example: str, values: Mapping[str, str]) -> str:
    """Return the environment file with ``values`` set; all other lines stay, comments too.

    ``env`` is None if the host has no environment file yet: the stack's example is the start. A variable is set in its
    last line, else in the last line that proposes it in a comment, else in a new line at the end. Values are those of
    ``env_value``, in quotes if they need quotes.
    """
    lines = (example if env is None else env).splitlines()
    for name, value in values.items():
        if parse_env("\n".join(lines)).get(name) == value:
            continue
        place = _line_of(name, lines)
        if place is None:
            lines.append(_written(name, value))
        else:
            lines[place] = _written(name, value)
    return "".join(f"{line}\n" for line in lines)


def _line_of(name: str, lines: list[str]) -> int | None:
    """Return the number of the line to replace: the last that sets the variable, else the last that proposes it."""
    for pattern in (rf"\s*(?:export\s+)?{name}\s*=", rf"\s*#\s?{name}="):
        found = [number for number, line in enumerate(lines) if re.match(pattern, line)]
        if found:
            return found[-1]
    return None
