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
from .backup.declared import Backup, parse_backup
from .docker_api import DockerReader, parse_docker_api
from .entries import entries, refuse_unknown, service_name
from .identity import compose_project
from .refused import RefusedImage, refused_images
from .secrets import Secret, secrets
from .sites import StackSite, sites

__all__ = ("BY_ITSELF", "RECREATE", "ROLLING", "Directory", "Port", "Reload", "Stack", "parse_stack")

RECREATE = "recreate"
"""A container of a new version takes the place of the old one."""
ROLLING = "rolling"
"""A container of a new version starts beside the old one, which serves until the new one does."""

BY_ITSELF = "none"
"""In the place of a signal: the service reads a changed file again by itself, and nobody has to tell it."""

_SCHEMA = 1

_MODE = re.compile(r"0[0-7]{3}")
_MOST_ID = (1 << 32) - 2  # the number above means "no group" to chown(2)
_SITE_PORTS = (80, 443)
# Signals that programs take as "read your files again". Every other one may end the program.
_SIGNALS = ("HUP", "USR1", "USR2", "WINCH", BY_ITSELF)
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


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
class Reload:
    """How a service reads its mounted files again, so that it is not recreated.

    * ``signal`` tells the main process; BY_ITSELF: nobody has to tell it.
    * ``mount``: a directory of the stack; this counts only for what the service mounts from there. None: all mounts.
    """

    service: str
    signal: str = "HUP"
    mount: str | None = None

    def covers(self, service: str, mount: str) -> bool:
        """Say whether the service reads again what it mounts from this place of the stack's folder."""
        return service == self.service and self.mount in (None, mount)


@dataclass(frozen=True)
class Stack:
    """A validated stack.yml.

    * ``memory``: what the host must have at least, in bytes; 0 means any host. ``timeout``: how long the containers may
      take to become healthy, in seconds. ``host_ports``: ports of the host itself that the containers reach.
    * ``unpinned``: services whose image may have no tag. ``reload``: services that are told of changed files.
    * ``egress``: the services that may have a way out, None if all may. ``docker_api``: the services that read Docker.
      ``alerts``: the service that is an Alertmanager, whose alerts the host sends.
    * ``deploy``: how a new version comes, RECREATE or ROLLING. ``drain``: how many seconds the old containers may take
      to finish their answers at most.
    * ``refused_images``: versions of images that never run.
    * ``core``: the folder of the stack that gets a copy of the collection's core, for an image that imports the core.
    * ``backup``: what of the stack a backup holds; None if stack.yml does not say so.
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
    egress: tuple[str, ...] | None = None
    docker_api: tuple[DockerReader, ...] = ()
    alerts: str | None = None
    refused_images: tuple[RefusedImage, ...] = ()
    backup: Backup | None = None
    core: str | None = None
    deploy: str = RECREATE
    drain: int = 30
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
    refuse_unknown(data, where.rstrip("/"), ("schema", "description", *_FIELDS))
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


def _directories(value: object, field: str) -> tuple[Directory, ...]:
    return tuple(
        Directory(
            path=forms.relative_path(entry.get("path"), field=f"{place}/path"),
            owner=forms.whole_number(entry.get("owner", 0), field=f"{place}/owner", least=0, most=_MOST_ID),
            group=forms.whole_number(entry.get("group", 0), field=f"{place}/group", least=0, most=_MOST_ID),
            mode=_mode(entry.get("mode", "0755"), f"{place}/mode"),
            group_before=_group_before(entry, f"{place}/group_before"),
        )
        for entry, place in entries(value, field, ("path", "owner", "group", "mode", "group_before"))
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
    return tuple(service_name(entry, f"{field}/{number}") for number, entry in enumerate(value))


def _reload(value: object, field: str) -> tuple[Reload, ...]:
    return tuple(
        Reload(
            service_name(entry.get("service"), f"{place}/service"),
            _signal(entry.get("signal", "HUP"), place),
            forms.relative_path(entry["mount"], field=f"{place}/mount") if "mount" in entry else None,
        )
        for entry, place in entries(value, field, ("service", "signal", "mount"))
    )


def _egress(value: object, field: str) -> tuple[str, ...] | None:
    """Return the services that may have a way out: none for false, all (None) for true."""
    if isinstance(value, bool):
        return None if value else ()
    if not isinstance(value, list):
        raise RefusedError(
            "this says not who has a way out", field=field, value=value, expected="true, false, or a list of services"
        )
    return tuple(service_name(entry, f"{field}/{number}") for number, entry in enumerate(value))


def _deploy(value: object, field: str) -> str:
    if value not in (RECREATE, ROLLING):
        raise RefusedError(
            "this is no way to bring a new version", field=field, value=value, expected=f"{RECREATE} or {ROLLING}"
        )
    return str(value)


def _drain(value: object, field: str) -> int:
    # The proxy takes requests on idle connections for a few seconds after a reload, so the least is above that.
    return forms.whole_number(value, field=field, least=5, most=600)


def _signal(value: object, place: str) -> str:
    if value not in _SIGNALS:
        raise RefusedError(
            "this is not a signal that reloads", field=f"{place}/signal", value=value, expected=", ".join(_SIGNALS)
        )
    return str(value)


def _port(entry: object, place: str) -> Port:
    """Return a published port: ``25``, ``53/udp``, or a mapping with port, protocol and reason."""
    if isinstance(entry, Mapping):
        refuse_unknown(entry, place, ("port", "protocol", "reason"))
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
    refuse_unknown(value, field, ("timeout",))
    return forms.whole_number(value.get("timeout", 120), field=f"{field}/timeout", least=5, most=3600)


# The optional fields of stack.yml: the attribute of Stack that each one sets, and the function that parses its value.
_FIELDS: dict[str, tuple[str, Callable[[object, str], object]]] = {
    "tenant": ("tenant", lambda value, field: forms.tenant(value, field=field)),
    "memory": ("memory", _memory),
    "health": ("timeout", _timeout),
    "secrets": ("secrets", secrets),
    "directories": ("directories", _directories),
    "sites": ("sites", sites),
    "ports": ("ports", _ports),
    "host_ports": ("host_ports", _host_ports),
    "unpinned": ("unpinned", _unpinned),
    "reload": ("reload", _reload),
    "egress": ("egress", _egress),
    "docker_api": ("docker_api", parse_docker_api),
    "alerts": ("alerts", service_name),
    "deploy": ("deploy", _deploy),
    "drain": ("drain", _drain),
    "refused_images": ("refused_images", refused_images),
    "backup": ("backup", parse_backup),
    "core": ("core", lambda value, field: forms.relative_path(value, field=field)),
}
