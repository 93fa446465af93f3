# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a stack, stack.yml: parse and validate it.

A mapping in, a frozen value out; YAML and files are read elsewhere.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .. import forms
from ..errors import RefusedError
from .identity import compose_project

__all__ = ("Directory", "Port", "Reload", "Secret", "Stack", "StackSite", "parse_stack")

_SCHEMA = 1

_SERVICE = re.compile(r"[A-Za-z0-9._-]{1,100}")
_MODE = re.compile(r"0[0-7]{3}")
_MOST_ID = (1 << 32) - 2  # the number above means "no group" to chown(2)
_SITE_PORTS = (80, 443)
# Signals that programs take as "read your files again". Every other one may end the program.
_SIGNALS = ("HUP", "USR1", "USR2", "WINCH")
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True)
class Secret:
    """A variable of env/.env. If env/.env lacks the variable, the host makes ``length`` random letters and digits.

    ``rotatable`` says that the stack goes on with another value: nothing is encrypted by it, and no database keeps it.
    """

    name: str
    length: int = 32
    rotatable: bool = False


@dataclass(frozen=True)
class Directory:
    """A directory below the stack's folder with its owner, group (both numeric) and mode.

    A directory that has the group ``group_before`` keeps it: an earlier version of the stack set it, and reads by it.
    """

    path: str
    owner: int = 0
    group: int = 0
    mode: int = 0o755
    group_before: int | None = None

    def group_for(self, current: int | None) -> int:
        """Return the group that a directory should have whose group is ``current``; None if there is no directory."""
        return current if current is not None and current == self.group_before else self.group


@dataclass(frozen=True)
class Port:
    """A port of the host that the stack publishes for everybody, and the reason that the operator gives for it."""

    port: int
    protocol: str = "tcp"
    reason: str = ""


@dataclass(frozen=True)
class StackSite:
    """A site that the stack provisions; exactly one of ``domain`` and ``domain_from`` is set.

    ``domain_from`` names the variable of env/.env whose value is the domain. ``container`` names the container to which
    the site leads, or ``service`` names the service that has the container.
    """

    container: str | None
    port: int
    service: str | None = None
    domain: str | None = None
    domain_from: str | None = None
    profile: str | None = None


@dataclass(frozen=True)
class Reload:
    """The signal by which the main process of a service reads its mounted files again, so that it is not recreated."""

    service: str
    signal: str = "HUP"


@dataclass(frozen=True)
class Stack:
    """A validated stack.yml.

    * ``memory``: what the host must have at least, in bytes; 0 means any host. ``timeout``: how long the containers may
      take to become healthy, in seconds. ``host_ports``: ports of the host itself that the containers reach.
    * ``unpinned``: services whose image may have no tag. ``reload``: services that are told of changed files.
    * ``project``: the Compose project. VSA notes it down on the host, so a stack keeps the project of its first start.
    """

    name: str
    description: str
    tenant: str
    memory: int = 0
    timeout: int = 120
    secrets: tuple[Secret, ...] = ()
    directories: tuple[Directory, ...] = ()
    sites: tuple[StackSite, ...] = ()
    ports: tuple[Port, ...] = ()
    host_ports: tuple[int, ...] = ()
    unpinned: tuple[str, ...] = ()
    reload: tuple[Reload, ...] = ()
    project: str = ""

    def __post_init__(self) -> None:
        """Fill in the project of a new stack."""
        if not self.project:
            object.__setattr__(self, "project", compose_project(self.tenant, self.name))

    @property
    def folder(self) -> str:
        """Return the path of the stack's folder, relative to the host's root."""
        return f"srv/{self.tenant}/{self.name}"


def parse_stack(data: object, *, name: str, where: str = "") -> Stack:
    """Return the stack that the mapping of a stack.yml describes.

    ``where`` is the prefix of field names in an error. RefusedError if a field is unknown or a value is not of its
    form.
    """
    if not isinstance(data, Mapping):
        raise RefusedError("stack.yml is not a mapping", field=where or "stack.yml", value=type(data).__name__)
    _refuse_unknown(data, where.rstrip("/"), ("schema", "description", *_FIELDS))
    if data.get("schema") != _SCHEMA or isinstance(data["schema"], bool):
        raise RefusedError(
            "this VSA does not know the schema of stack.yml",
            field=f"{where}schema",
            value=data.get("schema"),
            expected=str(_SCHEMA),
        )
    values: dict[str, object] = {"tenant": "platform"}
    for field, (attribute, parse) in _FIELDS.items():
        if data.get(field) is not None:
            values[attribute] = parse(data[field], f"{where}{field}")
    description = _description(data.get("description"), f"{where}description")
    return Stack(name=forms.stack_name(name), description=description, **values)  # type: ignore[arg-type]


def _description(value: object, field: str) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or "\n" in text:
        raise RefusedError("a stack needs a description of one line", field=field, value=value)
    return text


def _entries(value: object, field: str, keys: tuple[str, ...]) -> list[tuple[Mapping[str, object], str]]:
    """Return the mappings of a list, each with its place for an error. RefusedError if a mapping has another key."""
    if not isinstance(value, list):
        raise RefusedError("this is not a list", field=field, value=value, expected="a list")
    found = []
    for number, entry in enumerate(value):
        place = f"{field}/{number}"
        if not isinstance(entry, Mapping):
            raise RefusedError("this is not a mapping", field=place, value=entry, expected=", ".join(keys))
        _refuse_unknown(entry, place, keys)
        found.append((entry, place))
    return found


def _refuse_unknown(data: Mapping[str, object], field: str, keys: tuple[str, ...]) -> None:
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
            name=forms.variable(entry.get("name"), field=f"{place}/name"),
            length=forms.whole_number(entry.get("length", 32), field=f"{place}/length", least=16, most=128),
            rotatable=forms.boolean(entry.get("rotatable", False), field=f"{place}/rotatable"),
        )
        for entry, place in _entries(value, field, ("name", "length", "rotatable"))
    )


def _directories(value: object, field: str) -> tuple[Directory, ...]:
    return tuple(
        Directory(
            path=forms.relative_path(entry.get("path"), field=f"{place}/path"),
            owner=forms.whole_number(entry.get("owner", 0), field=f"{place}/owner", least=0, most=_MOST_ID),
            group=forms.whole_number(entry.get("group", 0), field=f"{place}/group", least=0, most=_MOST_ID),
            mode=_mode(entry.get("mode", "0755"), f"{place}/mode"),
            group_before=_group_before(entry, f"{place}/group_before"),
        )
        for entry, place in _entries(value, field, ("path", "owner", "group", "mode", "group_before"))
    )


def _group_before(entry: Mapping[str, object], place: str) -> int | None:
    if "group_before" not in entry:
        return None
    return forms.whole_number(entry["group_before"], field=place, least=0, most=_MOST_ID)


def _mode(value: object, field: str) -> int:
    # Only text: YAML reads 0750 as a number, and YAML 1.1 and 1.2 read that number in different bases.
    if not isinstance(value, str) or not _MODE.fullmatch(value):
        raise RefusedError("this is not a mode", field=field, value=value, expected='"0750", in quotes')
    return int(value, 8)


def _sites(value: object, field: str) -> tuple[StackSite, ...]:
    keys = ("domain", "domain_from", "container", "service", "port", "profile")
    return tuple(_site(entry, place) for entry, place in _entries(value, field, keys))


def _site(entry: Mapping[str, object], place: str) -> StackSite:
    if ("domain" in entry) == ("domain_from" in entry):
        raise RefusedError(
            "a stack's site says either its domain or the variable that has it", field=place, expected="domain_from"
        )
    if ("container" in entry) == ("service" in entry):
        raise RefusedError(
            "a stack's site says either its container or the service that has the container",
            field=place,
            expected="service",
        )
    domain = variable = profile = container = service = None
    if "container" in entry:
        container = forms.container(entry["container"], field=f"{place}/container")
    else:
        service = _service_name(entry["service"], f"{place}/service")
    if "domain" in entry:
        domain = forms.domain(entry["domain"], field=f"{place}/domain")
    else:
        variable = forms.variable(entry["domain_from"], field=f"{place}/domain_from")
    if "profile" in entry:
        profile = forms.profile(entry["profile"], field=f"{place}/profile")
    return StackSite(
        domain=domain,
        domain_from=variable,
        container=container,
        service=service,
        port=forms.port(entry.get("port"), field=f"{place}/port"),
        profile=profile,
    )


def _ports(value: object, field: str) -> tuple[Port, ...]:
    if not isinstance(value, list):
        raise RefusedError("this is not a list", field=field, value=value, expected="a list")
    return tuple(_port(entry, f"{field}/{number}") for number, entry in enumerate(value))


def _host_ports(value: object, field: str) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise RefusedError("this is not a list", field=field, value=value, expected="a list")
    return tuple(forms.port(entry, field=f"{field}/{number}") for number, entry in enumerate(value))


def _unpinned(value: object, field: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise RefusedError("this is not a list", field=field, value=value, expected="a list of services")
    return tuple(_service_name(entry, f"{field}/{number}") for number, entry in enumerate(value))


def _service_name(value: object, field: str) -> str:
    """Return the name of a service of the Compose file. Source: the Compose specification, services."""
    if not isinstance(value, str) or not _SERVICE.fullmatch(value):
        raise RefusedError("this is not the name of a service", field=field, value=value, expected="web")
    return value


def _reload(value: object, field: str) -> tuple[Reload, ...]:
    return tuple(
        Reload(_service_name(entry.get("service"), f"{place}/service"), _signal(entry.get("signal", "HUP"), place))
        for entry, place in _entries(value, field, ("service", "signal"))
    )


def _signal(value: object, place: str) -> str:
    if value not in _SIGNALS:
        raise RefusedError(
            "this is not a signal that reloads", field=f"{place}/signal", value=value, expected=", ".join(_SIGNALS)
        )
    return str(value)


def _port(entry: object, place: str) -> Port:
    """Return a published port: ``25``, ``53/udp``, or a mapping with port, protocol and reason."""
    if isinstance(entry, Mapping):
        _refuse_unknown(entry, place, ("port", "protocol", "reason"))
        found: Mapping[str, object] = entry
    else:
        number, _slash, protocol = str(entry).partition("/")
        found = {"port": number, **({"protocol": protocol} if protocol else {})}
    port = forms.port(found.get("port"), field=f"{place}/port")
    protocol_name = found.get("protocol", "tcp")
    if protocol_name not in ("tcp", "udp", "sctp"):
        raise RefusedError(
            "this is not a protocol", field=f"{place}/protocol", value=protocol_name, expected="tcp, udp or sctp"
        )
    if port in _SITE_PORTS:
        raise RefusedError(
            f"the port {port} serves the sites of the host",
            field=f"{place}/port",
            value=port,
            expected="a site in the field sites, or another port",
        )
    reason = found.get("reason", "")
    if not isinstance(reason, str):
        raise RefusedError("this is not text", field=f"{place}/reason", value=reason, expected="a reason in one line")
    return Port(port, str(protocol_name), " ".join(reason.split()))


def _memory(value: object, field: str) -> int:
    text = forms.size(value, field=field)
    unit = text[-1] if text[-1].isalpha() else ""
    return int(text.removesuffix(unit)) * _BYTES[unit]


def _timeout(value: object, field: str) -> int:
    if not isinstance(value, Mapping):
        raise RefusedError("this is not a mapping", field=field, value=value, expected="timeout")
    _refuse_unknown(value, field, ("timeout",))
    return forms.whole_number(value.get("timeout", 120), field=f"{field}/timeout", least=5, most=3600)


# The optional fields of stack.yml: the attribute of Stack that each one sets, and the function that parses its value.
_FIELDS: dict[str, tuple[str, Callable[[object, str], object]]] = {
    "tenant": ("tenant", lambda value, field: forms.tenant(value, field=field)),
    "memory": ("memory", _memory),
    "health": ("timeout", _timeout),
    "secrets": ("secrets", _secrets),
    "directories": ("directories", _directories),
    "sites": ("sites", _sites),
    "ports": ("ports", _ports),
    "host_ports": ("host_ports", _host_ports),
    "unpinned": ("unpinned", _unpinned),
    "reload": ("reload", _reload),
}
