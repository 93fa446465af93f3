"""The file ``stack.yml`` as a type that pydantic reads: the source of its JSON Schema and of its reference.

``docs/reference/stack.schema.json`` and ``docs/reference/stack.md`` are made of this file by ``make docs``. The host
has no pydantic: there ``_core/stack/manifest.py`` reads the file. A contract test compares the two. As
:mod:`vsa.documents`, this file is not imported by the command, and the extra ``documents`` installs pydantic.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from vsa.core import PROFILES, checked

__all__ = ("Directory", "Health", "Port", "Reload", "Secret", "Site", "StackFile", "stack_schema")

_MOST_ID = (1 << 32) - 2


def _form(name: str) -> AfterValidator:
    """Return the check that a value has one of the core's forms."""
    return AfterValidator(lambda value: checked(name, value, field=name))


def _number(least: int, most: int) -> AfterValidator:
    """Return the check of a whole number. As on the host, digits in quotes are a number too."""

    def read(value: Any) -> int:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return AfterValidator(read)


def _service(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", value):
        raise ValueError("the name of a service")
    return value


def _one_line(value: str) -> str:
    if not value.strip() or "\n" in value.strip():
        raise ValueError("a text of one line")
    return value


def _first_schema(value: Any) -> Any:
    if isinstance(value, bool) or value != 1:
        raise ValueError("1")
    return value


def _editor(**schema: object) -> WithJsonSchema:
    """Return what an editor can check of a value: a part of what the core checks."""
    return WithJsonSchema(dict(schema))


def _integer(least: int, most: int) -> WithJsonSchema:
    return _editor(type="integer", minimum=least, maximum=most)


_Variable = Annotated[Any, _form("variable"), _editor(type="string", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
_Path = Annotated[
    Any, _form("relative_path"), _editor(type="string", pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,9}$")
]
_Domain = Annotated[Any, _form("domain"), _editor(type="string", format="idn-hostname")]
_Container = Annotated[Any, _form("container"), _editor(type="string", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
_Tenant = Annotated[Any, _form("tenant"), _editor(type="string", pattern=r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")]
_Size = Annotated[
    Any, _form("size"), _editor(type=["string", "integer"], pattern=r"^(0|[1-9][0-9]{0,5}[kmg]?)$", minimum=0)
]
_Profile = Annotated[Any, _form("profile"), _editor(enum=list(PROFILES))]
_PortNumber = Annotated[Any, _form("port"), _integer(1, 65535)]
_Id = Annotated[Any, _number(0, _MOST_ID), _integer(0, _MOST_ID)]
_Timeout = Annotated[Any, _number(5, 3600), _integer(5, 3600)]
_Length = Annotated[Any, _number(16, 128), _integer(16, 128)]
_Mode = Annotated[str, Field(strict=True, pattern=r"^0[0-7]{3}$")]
_Text = Annotated[str, Field(strict=True)]
_OneLine = Annotated[
    str, Field(strict=True), AfterValidator(_one_line), _editor(type="string", pattern=r"^\s*\S[^\n]*\n?$")
]
_Service = Annotated[Any, AfterValidator(_service), _editor(type="string", pattern=r"^[A-Za-z0-9._-]{1,100}$")]
_Switch = Annotated[bool, Field(strict=True)]
_Schema = Annotated[Any, AfterValidator(_first_schema), _editor(const=1)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Health(_Closed):
    """How long `up` waits for the containers."""

    timeout: _Timeout = Field(default=120, description="Seconds until every container has to be healthy.")


class Secret(_Closed):
    """A variable of `env/.env`. If the file lacks the variable, the host makes random letters and digits."""

    name: _Variable = Field(description="The variable.")
    length: _Length = Field(default=32, description="How many letters and digits.")
    rotatable: _Switch = Field(
        default=False,
        description="Whether `vsa stack rotate` may make another one: nothing is encrypted by it.",
    )


class Directory(_Closed):
    """A directory below the stack's folder."""

    path: _Path = Field(description="The path below the stack's folder.")
    owner: _Id = Field(default=0, description="The number of the owner.")
    group: _Id = Field(default=0, description="The number of the group.")
    mode: _Mode = Field(default="0755", description="The mode in octal digits, in quotes.")
    group_before: _Id = Field(
        default=None,
        description="The number of the group that an earlier version of the stack set; such a directory keeps it.",
    )


class Site(_Closed):
    """A site that `up` provisions. It belongs to the tenant of the stack.

    Either `domain` or `domain_from` is set, and either `container` or `service`.
    """

    domain: _Domain = Field(default=None, description="The domain.")
    domain_from: _Variable = Field(default=None, description="The variable of `env/.env` that holds the domain.")
    container: _Container = Field(default=None, description="The container that answers.")
    service: _Service = Field(default=None, description="The service that answers, if Compose names its container.")
    port: _PortNumber = Field(description="Its port.")
    profile: _Profile = Field(default=None, description="The profile of the site, as of `vsa site provision`.")

    @model_validator(mode="after")
    def _one_domain(self) -> Site:
        if len({"domain", "domain_from"} & self.model_fields_set) != 1:
            raise ValueError("a site says either its domain or the variable that has it")
        if len({"container", "service"} & self.model_fields_set) != 1:
            raise ValueError("a site says either its container or the service that has the container")
        return self


class Reload(_Closed):
    """A service that reads its mounted directory again after a signal, so that it is not recreated."""

    service: _Service = Field(description="The service.")
    signal: Literal["HUP", "USR1", "USR2", "WINCH"] = Field(default="HUP", description="The signal.")


class Port(_Closed):
    """A port of the host that the stack publishes for everybody."""

    port: _PortNumber = Field(description="The port. 80 and 443 serve the sites of the host.")
    protocol: Literal["tcp", "udp", "sctp"] = Field(default="tcp", description="The protocol.")
    reason: _Text = Field(default="", description="Why the port is open, for the reader.")

    @model_validator(mode="after")
    def _no_site(self) -> Port:
        if int(self.port) in (80, 443):
            raise ValueError(f"the port {self.port} serves the sites of the host")
        return self


def _short_port(value: Any) -> Port:
    """Read ``25`` and ``53/udp``."""
    number, _slash, protocol = str(value).partition("/")
    return Port.model_validate({"port": number, **({"protocol": protocol} if protocol else {})})


_ShortPort = Annotated[
    Any,
    AfterValidator(_short_port),
    _editor(
        anyOf=[
            {"type": "integer", "minimum": 1, "maximum": 65535},
            {"type": "string", "pattern": "^[1-9][0-9]{0,4}(/(tcp|udp|sctp))?$"},
        ]
    ),
]


class StackFile(_Closed):
    """The manifest of a stack, `stack.yml`, beside its `compose.yml`."""

    schema_: _Schema = Field(alias="schema", description="The version of this form.")
    description: _OneLine = Field(description="What the stack is, in one line.")
    tenant: _Tenant | None = Field(default="platform", description="Who owns the stack: its folder, network and sites.")
    memory: _Size | None = Field(default=0, description="What the host must have at least, such as `512m`.")
    health: Health | None = Field(default=None, description="How long `up` waits for the containers.")
    secrets: list[Secret] | None = Field(default=None, description="Secrets that the host generates at the first `up`.")
    directories: list[Directory] | None = Field(default=None, description="Directories with owner, group and mode.")
    sites: list[Site] | None = Field(default=None, description="Sites that `up` provisions.")
    ports: list[Port | _ShortPort] | None = Field(
        default=None, description="Ports of the host that everybody may reach: `25`, `53/udp`, or with a reason."
    )
    host_ports: list[_PortNumber] | None = Field(
        default=None, description="Ports of the host itself that the containers reach."
    )
    unpinned: list[_Service] | None = Field(
        default=None, description="Services whose image may have no tag, or `latest`; `up` warns."
    )
    reload: list[Reload] | None = Field(
        default=None, description="Services that are told of changed files by a signal, and not recreated."
    )


def stack_schema() -> dict[str, Any]:
    """Return the JSON Schema of stack.yml, for editors."""
    made = StackFile.model_json_schema(by_alias=True)
    title = "The file stack.yml of a stack"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_plain(made), "title": title}


def _plain(node: Any) -> Any:
    """Return a schema without titles, which repeat each name, and without the default of what has none."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items() if not _is_noise(key, value)}
    return [_plain(entry) for entry in node] if isinstance(node, list) else node


def _is_noise(key: str, value: object) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)
