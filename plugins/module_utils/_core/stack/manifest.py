# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack: what its stack.yml may say, and what its environment file and compose file mean together.

Mappings and texts in, values out; reading YAML and files is done elsewhere.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .. import forms
from ..errors import RefusedError

__all__ = (
    "COMPOSE",
    "ENV",
    "ENV_EXAMPLE",
    "Directory",
    "Secret",
    "Stack",
    "StackSite",
    "complete_env",
    "env_value",
    "env_values",
    "images",
    "interpolate",
    "missing_secrets",
    "parse_env",
    "parse_stack",
    "relative_path",
    "stack_name",
)

COMPOSE = "compose.yml"
ENV = "env/.env"
ENV_EXAMPLE = ".env.example"

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PART = re.compile(r"[A-Za-z0-9_.-]+")
_MODE = re.compile(r"0[0-7]{3}")
_VALUE = re.compile(r"[A-Za-z0-9_./:@%+=,-]{0,500}")
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
# $$, ${NAME}, ${NAME:-default}, ${NAME-default}, $NAME
_INTERPOLATION = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<braced>[A-Za-z_]\w*)(?:(?P<how>:?-)(?P<default>[^}]*))?\}|(?P<bare>[A-Za-z_]\w*))",
    re.ASCII,
)


@dataclass(frozen=True)
class Secret:
    """A variable of env/.env that is made up on the host when it is not there: ``length`` letters and digits."""

    name: str
    length: int = 32


@dataclass(frozen=True)
class Directory:
    """A directory below the stack's folder with its numeric owners."""

    path: str
    owner: int = 0
    group: int = 0
    mode: int = 0o755


@dataclass(frozen=True)
class StackSite:
    """A site that comes with the stack; its domain is the value of a variable of env/.env, or written out."""

    container: str
    port: int
    domain: str | None = None
    domain_from: str | None = None
    profile: str | None = None


@dataclass(frozen=True)
class Stack:
    """One validated stack.yml. ``memory`` is the least that the host must have, in bytes, 0 for no such need."""

    name: str
    description: str
    tenant: str
    proxy: bool = False
    memory: int = 0
    timeout: int = 120
    secrets: tuple[Secret, ...] = ()
    directories: tuple[Directory, ...] = ()
    sites: tuple[StackSite, ...] = ()

    @property
    def folder(self) -> str:
        """Return its place below the host's root."""
        return f"srv/{self.tenant}/{self.name}"


def stack_name(value: object, *, field: str = "stack") -> str:
    """Return a stack's name; it is a folder's and a Compose project's too."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise RefusedError(
            "this is not a stack's name",
            field=field,
            value=value,
            expected="1 to 63 lower-case letters, digits and inner hyphens",
        )
    return value


def relative_path(value: object, *, field: str) -> str:
    """Return a path that stays below the stack's folder."""
    parts = value.split("/") if isinstance(value, str) else []
    if not parts or len(parts) > 10 or not all(_PART.fullmatch(part) and part not in (".", "..") for part in parts):
        raise RefusedError(
            "this is not a path below the stack's folder", field=field, value=value, expected="data/uploads"
        )
    return "/".join(parts)


def _entries(value: object, field: str, keys: tuple[str, ...]) -> list[tuple[Mapping[str, object], str]]:
    if not isinstance(value, list):
        raise RefusedError("this is not a list", field=field, value=value, expected="a list")
    found = []
    for number, entry in enumerate(value):
        place = f"{field}/{number}"
        if not isinstance(entry, Mapping):
            raise RefusedError("this is not a mapping", field=place, value=entry, expected=", ".join(keys))
        _known(entry, place, keys)
        found.append((entry, place))
    return found


def _known(data: Mapping[str, object], field: str, keys: tuple[str, ...]) -> None:
    for key in data:
        if key not in keys:
            raise RefusedError(
                "there is no such field",
                field=f"{field}/{key}" if field else str(key),
                value=key,
                expected=", ".join(keys),
            )


def _secrets(value: object, field: str) -> tuple[Secret, ...]:
    return tuple(
        Secret(
            name=_variable(entry.get("name"), f"{place}/name"),
            length=forms.whole_number(entry.get("length", 32), field=f"{place}/length", least=16, most=128),
        )
        for entry, place in _entries(value, field, ("name", "length"))
    )


def _variable(value: object, field: str) -> str:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise RefusedError("this is not a variable's name", field=field, value=value, expected="DB_PASSWORD")
    return value


def _mode(value: object, field: str) -> int:
    # Text only: YAML reads 0750 as a number, of another base in YAML 1.1 than in 1.2.
    if not isinstance(value, str) or not _MODE.fullmatch(value):
        raise RefusedError("this is not a mode", field=field, value=value, expected='"0750", in quotes')
    return int(value, 8)


def _directories(value: object, field: str) -> tuple[Directory, ...]:
    return tuple(
        Directory(
            path=relative_path(entry.get("path"), field=f"{place}/path"),
            owner=forms.whole_number(entry.get("owner", 0), field=f"{place}/owner", least=0, most=65535),
            group=forms.whole_number(entry.get("group", 0), field=f"{place}/group", least=0, most=65535),
            mode=_mode(entry.get("mode", "0755"), f"{place}/mode"),
        )
        for entry, place in _entries(value, field, ("path", "owner", "group", "mode"))
    )


def _sites(value: object, field: str) -> tuple[StackSite, ...]:
    found = []
    for entry, place in _entries(value, field, ("domain", "domain_from", "container", "port", "profile")):
        if ("domain" in entry) == ("domain_from" in entry):
            raise RefusedError(
                "a stack's site says either its domain or the variable that has it", field=place, expected="domain_from"
            )
        found.append(
            StackSite(
                domain=forms.domain(entry["domain"], field=f"{place}/domain") if "domain" in entry else None,
                domain_from=_variable(entry["domain_from"], f"{place}/domain_from") if "domain_from" in entry else None,
                container=forms.container(entry.get("container"), field=f"{place}/container"),
                port=forms.port(entry.get("port"), field=f"{place}/port"),
                profile=forms.profile(entry["profile"], field=f"{place}/profile") if "profile" in entry else None,
            )
        )
    return tuple(found)


def _memory(value: object, field: str) -> int:
    text = forms.size(value, field=field)
    unit = text[-1] if text[-1].isalpha() else ""
    return int(text.removesuffix(unit)) * _BYTES[unit]


def _timeout(value: object, field: str) -> int:
    if not isinstance(value, Mapping):
        raise RefusedError("this is not a mapping", field=field, value=value, expected="timeout")
    _known(value, field, ("timeout",))
    return forms.whole_number(value.get("timeout", 120), field=f"{field}/timeout", least=5, most=3600)


_FIELDS: dict[str, tuple[str, Callable[[object, str], object]]] = {
    "tenant": ("tenant", lambda value, field: forms.tenant(value, field=field)),
    "proxy": ("proxy", lambda value, field: forms.boolean(value, field=field)),
    "memory": ("memory", _memory),
    "health": ("timeout", _timeout),
    "secrets": ("secrets", _secrets),
    "directories": ("directories", _directories),
    "sites": ("sites", _sites),
}


def parse_stack(data: object, *, name: str, where: str = "") -> Stack:
    """Return the stack that a stack.yml's mapping says; ``where`` is prefixed to the field's name in an error.

    Raises RefusedError for an unknown field or a value that is not of its form.
    """
    if not isinstance(data, Mapping):
        raise RefusedError("stack.yml is a mapping", field=where or "stack.yml", value=type(data).__name__)
    _known(data, where.rstrip("/"), ("schema", "description", *_FIELDS))
    if data.get("schema") != 1 or isinstance(data["schema"], bool):
        raise RefusedError(
            "this VSA does not know the schema of stack.yml",
            field=f"{where}schema",
            value=data.get("schema"),
            expected="1",
        )
    description = data.get("description")
    if not isinstance(description, str) or not description.strip() or "\n" in description.strip():
        raise RefusedError("a stack needs a description of one line", field=f"{where}description", value=description)
    values = {
        key: read(data[field], f"{where}{field}")
        for field, (key, read) in _FIELDS.items()
        if data.get(field) is not None
    }
    values.setdefault("tenant", "platform")
    return Stack(name=stack_name(name), description=description.strip(), **values)  # type: ignore[arg-type]


def parse_env(text: str, *, where: str = ENV) -> dict[str, str]:
    """Return the variables of an environment file: ``NAME=value`` lines, comments, a pair of quotes around a value."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        name, equals, value = words.partition("=")
        name = name.removeprefix("export ").strip()
        if not equals or not _VARIABLE.fullmatch(name):
            # The line may hold a secret, so it is not shown.
            raise RefusedError(
                "a line is not NAME=value", field="env", value=f"{where}:{number}", expected="NAME=value"
            )
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        else:
            value = re.split(r"\s#", value, maxsplit=1)[0].rstrip()
        found[name] = value
    return found


def env_value(value: object, *, field: str) -> str:
    """Return a value that may stand in an environment file without quotes."""
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else None
    if text is None or not _VALUE.fullmatch(text):
        raise RefusedError(
            "this is not a plain value", field=field, expected="at most 500 letters, digits and . _ / : @ % + = , -"
        )
    return text


def env_values(data: Mapping[str, object], *, field: str = "env") -> dict[str, str]:
    """Return variables that an operator sets; names and values have passed their forms."""
    return {
        _variable(name, f"{field}/{name}"): env_value(value, field=f"{field}/{name}") for name, value in data.items()
    }


def missing_secrets(stack: Stack, env: str | None) -> tuple[Secret, ...]:
    """Return the secrets that the host's environment file lacks or leaves empty."""
    has = parse_env(env or "")
    return tuple(secret for secret in stack.secrets if not has.get(secret.name))


def complete_env(env: str | None, example: str, values: Mapping[str, str]) -> str:
    """Return the environment file with ``values`` in it; what is there otherwise stays, comments too.

    Without a file yet the stack's example is the start. A line of the name, commented out or not, is replaced in its
    place; else the variable is added at the end. Values are written as they are: see ``env_value``.
    """
    text = example if env is None else env
    lines = text.splitlines()
    for name, value in values.items():
        if parse_env("\n".join(lines)).get(name) == value:
            continue
        said = [number for number, line in enumerate(lines) if re.match(rf"\s*(?:export\s+)?{name}\s*=", line)]
        proposed = [number for number, line in enumerate(lines) if re.match(rf"\s*#\s?{name}=", line)]
        if said or proposed:
            lines[(said or proposed)[-1]] = f"{name}={value}"
        else:
            lines.append(f"{name}={value}")
    result = "\n".join(lines)
    return f"{result}\n" if result else ""


def interpolate(text: str, env: Mapping[str, str]) -> str:
    """Return a value of a compose file with its variables filled in, as Compose does.

    That is ``$NAME``, ``${NAME}``, ``${NAME:-default}``, ``${NAME-default}`` and ``$$``.
    Source: https://docs.docker.com/reference/compose-file/interpolation/
    """

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        name = match["braced"] or match["bare"]
        found = env.get(name)
        if found is None or (match["how"] == ":-" and not found):
            return match["default"] or "" if match["how"] else found or ""
        return found

    return _INTERPOLATION.sub(value, text)


def images(compose: object, env: Mapping[str, str]) -> dict[str, str]:
    """Return the image of each service of a compose file's mapping.

    Raises RefusedError where one has none, or where its tag is not pinned: what runs must be what was tested.
    """
    services = compose.get("services") if isinstance(compose, Mapping) else None
    if not isinstance(services, Mapping) or not services:
        raise RefusedError("the compose file has no services", field=COMPOSE, expected="services")
    found = {}
    for name, service in services.items():
        image = service.get("image") if isinstance(service, Mapping) else None
        field = f"{COMPOSE}/services/{name}/image"
        if not isinstance(image, str):
            raise RefusedError("a service has no image", field=field, expected="an image with its tag")
        image = interpolate(image, env)
        tag = image.rpartition("/")[2].partition(":")[2]
        if "@" not in image and tag in ("", "latest"):
            raise RefusedError("an image is not pinned", field=field, value=image, expected="a tag other than latest")
        found[str(name)] = image
    return found
