"""The file ``stack.yml`` as a type that pydantic reads: the source of its JSON Schema and of its reference.

``docs/reference/stack.schema.json`` and ``docs/reference/stack.md`` are made of this file by ``make docs``. The host
has no pydantic: there ``_core/stack/manifest.py`` reads the file. A contract test compares the two. As
:mod:`vsa.documents`, this file is not imported by the command, and the extra ``documents`` installs pydantic.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from vsa.core import PROFILES, SECRET_FORMATS, checked, read_secrets, route_headers

__all__ = (
    "Backup",
    "Directory",
    "Health",
    "Port",
    "RefusedImage",
    "Reload",
    "Route",
    "Secret",
    "Site",
    "StackFile",
    "stack_schema",
)

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


def _known_format(value: Any) -> Any:
    if value not in SECRET_FORMATS:
        raise ValueError(", ".join(SECRET_FORMATS))
    return value


def _checked_headers(value: Any) -> Any:
    return dict(route_headers(value, "headers"))


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
_Drain = Annotated[Any, _number(5, 600), _integer(5, 600)]
_Length = Annotated[Any, _number(16, 128), _integer(16, 128)]
_Format = Annotated[Any, AfterValidator(_known_format), _editor(enum=list(SECRET_FORMATS))]
_Prefix = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9._-]{0,32}$")]
_RoutePath = Annotated[
    Any, _form("path"), _editor(type="string", maxLength=200, pattern=r"^/([A-Za-z0-9._~@:+-]+/)*[A-Za-z0-9._~@:+-]*$")
]
_HEADER = r"^(\$(scheme|host|request_uri|request_method|remote_addr|server_port|request_id)|://){1,8}$"
_Headers = Annotated[
    Any,
    AfterValidator(_checked_headers),
    _editor(type="object", maxProperties=10, additionalProperties={"type": "string", "pattern": _HEADER}),
]
_Mode = Annotated[str, Field(strict=True, pattern=r"^0[0-7]{3}$")]
_Text = Annotated[str, Field(strict=True)]
_OneLine = Annotated[
    str, Field(strict=True), AfterValidator(_one_line), _editor(type="string", pattern=r"^\s*\S[^\n]*\n?$")
]
_Service = Annotated[Any, AfterValidator(_service), _editor(type="string", pattern=r"^[A-Za-z0-9._-]{1,100}$")]
_ImageName = Annotated[str, Field(strict=True, pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
_Versions = Annotated[
    list[Annotated[str, Field(strict=True, pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}){0,3}$")]], Field(min_length=1)
]
_Switch = Annotated[bool, Field(strict=True)]
_Schema = Annotated[Any, AfterValidator(_first_schema), _editor(const=1)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Health(_Closed):
    """How long `up` waits for the containers."""

    timeout: _Timeout = Field(default=120, description="Seconds until every container has to be healthy.")


class Secret(_Closed):
    """A variable of `env/.env`. If the file lacks the variable, the host makes it. No text of VSA shows it."""

    name: _Variable = Field(description="The variable.")
    format: _Format = Field(
        default="alnum",
        description="`alnum`: letters and digits. `hex`, `base64url` (without padding): random bytes. "
        "`bcrypt-of`: the hash of the variable `of`, made again if that variable changes.",
    )
    length: _Length = Field(
        default=32, description="How many letters and digits; with `hex` and `base64url` how many bytes."
    )
    prefix: _Prefix = Field(default="", description="What stands before the random part, such as `sk-`.")
    of: _Variable = Field(default=None, description="With `bcrypt-of`: the variable that is hashed.")
    rotatable: _Switch = Field(
        default=False,
        description="Whether `vsa stack rotate` may make another one: nothing is encrypted by it.",
    )

    @model_validator(mode="after")
    def _hash(self) -> Secret:
        said = self.model_fields_set
        if self.format != "bcrypt-of":
            if "of" in said:
                raise ValueError("only a hash is of another variable")
            return self
        if self.of is None or self.of == self.name or {"length", "prefix", "rotatable"} & said:
            raise ValueError("a hash is of another variable, and has nothing else")
        return self


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


class Route(_Closed):
    """A path of a site, and where it leads: either to a `container` or to a `service`."""

    path: _RoutePath = Field(description="The path prefix. The route with the longest one wins.")
    container: _Container = Field(default=None, description="The container that answers.")
    service: _Service = Field(default=None, description="The service that answers, if Compose names its container.")
    port: _PortNumber = Field(description="Its port.")
    profile: _Profile = Field(default=None, description="The profile below this path, instead of the site's.")
    strip_prefix: _Switch = Field(default=False, description="Whether the container gets requests without the path.")
    headers: _Headers = Field(
        default=None,
        description="Headers that the container gets, such as `Hook-Url: $scheme://$host$request_uri`. A value is made "
        "of variables only: `$scheme`, `$host`, `$request_uri`, `$request_method`, `$remote_addr`, `$server_port`, "
        "`$request_id`.",
    )

    @model_validator(mode="after")
    def _one_target(self) -> Route:
        if len({"container", "service"} & self.model_fields_set) != 1:
            raise ValueError("a route says either its container or the service that has the container")
        if self.strip_prefix and (self.path == "/" or not self.path.endswith("/")):
            raise ValueError("this prefix cannot be stripped")
        return self


class Site(_Closed):
    """A site that `up` provisions. It belongs to the tenant of the stack.

    Either `domain` or `domain_from` is set. A site says either its `routes`, or its `port` with either `container` or
    `service`.
    """

    domain: _Domain = Field(default=None, description="The domain.")
    domain_from: _Variable = Field(default=None, description="The variable of `env/.env` that holds the domain.")
    compose_profile: _Service = Field(
        default=None,
        description="The profile of Compose with which the site is provisioned; without it always.",
    )
    container: _Container = Field(default=None, description="The container that answers.")
    service: _Service = Field(default=None, description="The service that answers, if Compose names its container.")
    port: _PortNumber = Field(default=None, description="Its port.")
    routes: list[Route] = Field(
        default=[], description="Which service answers below which path, instead of `service` and `port`."
    )
    profile: _Profile = Field(default=None, description="The profile of the site, as of `vsa site provision`.")
    aliases: list[_Domain] = Field(default=[], description="Further names, which are redirected to the domain.")
    auth: list[_RoutePath] = Field(
        default=[],
        description="Paths behind basic auth. The first `up` makes the user `admin` and shows the password once, or "
        "writes it to `--password-file`.",
    )
    auth_open: list[_RoutePath] = Field(
        default=[], description="Paths below those of `auth` that everybody can open, such as webhooks."
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Site:
        said = self.model_fields_set
        if len({"domain", "domain_from"} & said) != 1:
            raise ValueError("a site says either its domain or the variable that has it")
        if "/" in self.auth_open or {path.lower() for path in self.auth} & {path.lower() for path in self.auth_open}:
            raise ValueError("an open path lies below a protected one")
        if "routes" in said:
            paths = [route.path for route in self.routes]
            if {"container", "service", "port"} & said or not paths or len(set(paths)) != len(paths):
                raise ValueError("a site with routes says everything at each of them, and each path once")
            return self
        if len({"container", "service"} & said) != 1 or "port" not in said:
            raise ValueError("a site says its port, and either its container or the service that has the container")
        return self


class Reload(_Closed):
    """A service that reads its mounted directory again, so that it is not recreated."""

    service: _Service = Field(description="The service.")
    signal: Literal["HUP", "USR1", "USR2", "WINCH", "none"] = Field(
        default="HUP", description="The signal that tells the service. `none`: it reads changed files again by itself."
    )
    mount: _Path = Field(
        default=None,
        description="The directory of the stack whose mount this is about, as in `./conf:/etc/app`: `conf`. Another "
        "mount of the service still recreates it. Without this field it is about all mounts.",
    )


class RefusedImage(_Closed):
    """Versions of an image that must never run, such as those that an intruder published."""

    image: _ImageName = Field(description="The image without registry and path; its variants `NAME-…` count too.")
    versions: _Versions = Field(description='Versions in quotes. `"1.107"` stands for every version that begins so.')
    reason: _OneLine = Field(description="Why, for the error.")


class Backup(_Closed):
    """What a backup of the stack holds besides its files, and what is stopped meanwhile."""

    databases: list[_Service] | None = Field(
        default=None, description="Services of PostgreSQL. Each is saved as a dump by its own client, while it runs."
    )
    volumes: list[_Service] | None = Field(
        default=None,
        description="Volumes by their key in `compose.yml`; by default all that no service in `databases` mounts.",
    )
    stop: list[_Service] | None = Field(
        default=None, description="Services that are stopped while the volumes are read."
    )


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


def _hashable(found: list[Secret]) -> list[Secret]:
    """Refuse a hash of a hash, and the hash of what is longer than bcrypt reads. The host knows these rules too."""
    read_secrets([entry.model_dump(exclude_unset=True) for entry in found], "secrets")
    return found


class StackFile(_Closed):
    """The manifest of a stack, `stack.yml`, beside its `compose.yml`."""

    schema_: _Schema = Field(alias="schema", description="The version of this form.")
    description: _OneLine = Field(description="What the stack is, in one line.")
    tenant: _Tenant | None = Field(default="platform", description="Who owns the stack: its folder, network and sites.")
    memory: _Size | None = Field(default=0, description="What the host must have at least, such as `512m`.")
    health: Health | None = Field(default=None, description="How long `up` waits for the containers.")
    secrets: Annotated[list[Secret], AfterValidator(_hashable)] | None = Field(
        default=None, description="Secrets that the host generates at the first `up`."
    )
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
    egress: Annotated[bool, Field(strict=True)] | list[_Service] | None = Field(
        default=True,
        description="Whether the containers have a way out. `false`: every network is `internal`; `up` refuses any "
        "other. A list names the services that may have one.",
    )
    docker_api: dict[_Service, Literal["list", "inspect"]] | None = Field(
        default=None,
        description="Services that read Docker through the stack `docker-api`, on the network `vsa_docker_list` or "
        "`vsa_docker_inspect`. `list` shows containers and events; `inspect` shows all variables of all containers.",
    )
    alerts: _Service | None = Field(
        default=None,
        description="The service that is an Alertmanager. The host asks it once a minute which alerts fire, and sends "
        "them to `alert_url` and `alert_command`.",
    )
    reload: list[Reload] | None = Field(
        default=None,
        description="Services that read changed files again, after a signal or by themselves, and are not recreated.",
    )
    deploy: Literal["recreate", "rolling"] | None = Field(
        default="recreate",
        description="How a new version comes. `rolling`: the containers of the services that `sites` names start "
        "beside the old ones, which serve until the new ones are healthy.",
    )
    drain: _Drain | None = Field(
        default=30, description="For `deploy: rolling`, how many seconds the old containers finish answers at most."
    )
    refused_images: list[RefusedImage] | None = Field(
        default=None, description="Versions of images that never run, whatever a variable says."
    )
    backup: Backup | None = Field(default=None, description="What `vsa stack backup` saves besides the files.")
    core: _Path | None = Field(
        default=None,
        description="A folder of the stack into which `up` puts a copy of the collection's core, for an image that "
        "imports the core. The stack itself does not have this folder.",
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
