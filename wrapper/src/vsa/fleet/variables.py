"""The variables of an inventory that are ours, as types that pydantic reads.

``docs/reference/inventory.schema.json`` is made of them by ``make docs``, and so is its copy ``schema.json`` beside
this file. Every verb checks the inventory by that copy (see ``check.py``), because pydantic takes 0.3 s to load and the
whole check may take 50 ms. A test compares the verdicts.

Ours are the options of the roles, as their argument specs have them, and the variables ``vsa_…`` below. A value is
taken as Ansible takes it: ``"3"`` is a number, ``yes`` is true, a comma list is a list. A template or an encrypted
value is taken as it is, because only Ansible can tell what it becomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from vsa.core import UsageError, checked
from vsa.fleet.read import is_unknown

__all__ = ("FORMS", "json_schema", "variables_model")

FORMS = {
    "bootstrap_alert_command": "alert_command",
    "bootstrap_ca": "ca",
    "bootstrap_dns_plugin": "dns_plugin",
    "bootstrap_email": "email",
    "bootstrap_loki_url": "loki_url",
    "cert_ca": "ca",
    "cert_email": "email",
    "site_ca": "ca",
    "site_email": "email",
}
"""Options whose text has a form of the core."""

_CLOSED = ConfigDict(strict=True, extra="forbid")
_OPEN = ConfigDict(strict=True, extra="allow")

Unknown = Annotated[str, Field(pattern=r"\{\{|\{%|^ENC\[", description="A template, or encrypted by sops.")]
Number = Annotated[str, Field(pattern=r"^[+-]?[0-9]+$")]
_TRUTH = (
    r"^([Yy][Ee][Ss]|[Yy]|[Tt][Rr][Uu][Ee]|[Tt]|[Oo][Nn]|1|1[.]0"
    r"|[Nn][Oo]|[Nn]|[Ff][Aa][Ll][Ss][Ee]|[Ff]|[Oo][Ff][Ff]|0|0[.]0)$"
)
Truth = bool | Annotated[str, Field(pattern=_TRUTH)] | Literal[0, 1]
Text = str | bool | int | float
Port = Annotated[int, Field(ge=1, le=65535)] | Annotated[str, Field(pattern="^[1-9][0-9]{0,4}$")]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:%][A-Za-z0-9._:%-]*$|\{\{|\{%|^ENC\[")]
Inbound = Annotated[str, Field(pattern="^[1-9][0-9]{0,4}/(tcp|udp)$")]
Word = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")]
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
Name = Annotated[str, Field(pattern=f"^{_LABEL}([.]{_LABEL})*$")]

# The variables of the inventory alone: type, what is right in words, and what the variable means.
_OWN: dict[str, tuple[Any, str, str]] = {
    "ansible_host": (Host, "an address or a host name", "Where SSH connects."),
    "ansible_port": (Port | Unknown, "a port, 1 to 65535", "The port of SSH."),
    "hub_url": (
        Annotated[str, Field(pattern=r"^https://[^/@\s]+(/|/api/?)?$|\{\{|\{%|^ENC\[")],
        "an address such as https://dashboard.example.com",
        "The hub of the fleet, which `vsa vps list` asks.",
    ),
    "hub_auth_file": (
        Text,
        "a path",
        "A file of mode 0600 with one line, user:password, for the basic auth of the hub: ~/.config/vsa/hub-auth.",
    ),
    "vsa_provider": (Word | Unknown, "a word in small letters", "The provider of the hosts of a group."),
    "vsa_hostname": (Name | Unknown, "a host name", "The full name of a host."),
    "vsa_ipv6": (Truth | Unknown, "true or false", "Whether the hosts have a public IPv6 address."),
    "vsa_inbound": (
        list[Inbound] | Unknown,
        "a list such as [22/tcp, 443/udp]",
        "What the provider's firewall must let through to the hosts.",
    ),
    "vsa_sites": (
        dict[str, dict[str, Any] | None] | Unknown,
        "a mapping of domains to fields of a manifest",
        "The sites of a host.",
    ),
}
_SIMPLE: dict[str, tuple[Any, str]] = {
    "bool": (Truth | Unknown, "true or false"),
    "int": (int | Number | Unknown, "a whole number"),
    "float": (float | int | str, "a number"),
    "str": (Text, "a text"),
    "path": (Text, "a path"),
    "dict": (dict[str, Any] | str, "a mapping"),
    "list": (list[Any] | Text, "a list"),
    "raw": (Any, "any value"),
}
_LEFT_OUT = ("title", "default")
# YAML reads these words as true and false, and Ansible reads them back.
_SWITCHES = {"on", "off", "yes", "no", "true", "false"}


def variables_model(options: Mapping[str, Mapping[str, Any]]) -> type[BaseModel]:
    """Return the model of the variables that stand together in an inventory.

    ``options`` are the options of all roles, as argument specs have them. Other variables are not looked at.
    """
    fields: dict[str, Any] = {}
    for name, option in sorted(options.items()):
        kind, expected = _typed(name, option)
        fields[name] = _field(kind, expected, " ".join(_first(option.get("description")).split()))
    for name, (kind, expected, meaning) in _OWN.items():
        fields[name] = _field(kind, expected, meaning)
    made: type[BaseModel] = create_model("Variables", __config__=_OPEN, **fields)
    return made


def json_schema(options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the JSON Schema of the variables; ``options`` as :func:`variables_model` takes them."""
    made = variables_model(options).model_json_schema(schema_generator=_Plain)
    definitions = made.pop("$defs", {})
    inlined: dict[str, Any] = _inlined(made, definitions)
    return inlined


def _field(kind: Any, expected: str, meaning: str) -> tuple[Any, Any]:
    extra: dict[str, Any] = {"expected": expected}
    return kind | None, Field(default=None, description=meaning, json_schema_extra=extra)


def _typed(name: str, option: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the type of an option, and what is right in words."""
    kind = str(option.get("type", "str"))
    choices = option.get("choices")
    if choices and kind == "str":
        switch: Any = bool if _SWITCHES.intersection(map(str, choices)) else None
        literal: Any = Literal[tuple(choices)]
        return (literal | Unknown) if switch is None else (literal | switch | Unknown), ", ".join(map(str, choices))
    if name in FORMS:
        form = FORMS[name]
        extra: dict[str, Any] = {"format": f"vsa-{form}"}
        return Annotated[Text, AfterValidator(_form(form)), Field(json_schema_extra=extra)], "a text"
    if kind == "list" and option.get("elements") == "dict" and option.get("options"):
        return list[_nested(name, option["options"]) | str] | str, "a list of mappings"  # type: ignore[misc]
    if kind == "list":
        element: Any = _SIMPLE[str(option.get("elements", "raw"))][0] | None
        items: Any = list[element]
        return items | Text, "a list"
    return _SIMPLE[kind]


def _nested(name: str, options: Mapping[str, Mapping[str, Any]]) -> type[BaseModel]:
    """Return the model of the mappings in a list."""
    fields: dict[str, Any] = {}
    for inner, option in options.items():
        kind, expected = _typed(f"{name}.{inner}", option)
        required = bool(option.get("required"))
        extra: dict[str, Any] = {"expected": expected}
        default: Any = ... if required else None
        fields[inner] = (kind if required else kind | None, Field(default=default, json_schema_extra=extra))
    made: type[BaseModel] = create_model(name, __config__=_CLOSED, **fields)
    return made


def _form(form: str) -> Any:
    def check(value: Any) -> Any:
        if isinstance(value, str) and value and not is_unknown(value):
            try:
                checked(form, value, field=form)
            except UsageError as error:
                raise ValueError(error.message) from error
        return value

    return check


def _first(description: Any) -> str:
    return str(description[0]) if isinstance(description, list) else str(description or "")


class _Plain(GenerateJsonSchema):
    """Makes a schema without titles and defaults, which would repeat each name."""

    def generate(self, schema: Any, mode: Any = "validation") -> JsonSchemaValue:
        """Return the schema with its dialect and its own title."""
        made = _without(super().generate(schema, mode))
        return {"$schema": self.schema_dialect, "title": "The variables of an inventory that are VSA's", **made}


def _without(node: Any) -> Any:
    if isinstance(node, dict):
        # A mapping of properties may have one of these names.
        kept = {key: value for key, value in node.items() if key not in _LEFT_OUT or isinstance(value, dict)}
        return {key: _without(value) for key, value in kept.items()}
    return [_without(entry) for entry in node] if isinstance(node, list) else node


def _inlined(node: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a schema with each reference replaced by what it names. No type of ours contains itself."""
    if isinstance(node, dict):
        if set(node) == {"$ref"}:
            return _inlined(definitions[str(node["$ref"]).rpartition("/")[2]], definitions)
        return {key: _inlined(value, definitions) for key, value in node.items()}
    return [_inlined(entry, definitions) for entry in node] if isinstance(node, list) else node
