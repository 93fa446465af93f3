"""The type of stack.yml accepts and refuses what the host's own reader accepts and refuses, field by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import parse_stack
from pydantic import ValidationError

from vsa.stack_file import Directory, Health, Port, Reload, Route, Secret, Site, StackFile, stack_schema

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/reference/stack.schema.json").read_text(encoding="utf-8"))
LEAST: dict[str, Any] = {"schema": 1, "description": "An application"}
SITE = {"domain_from": "APP_DOMAIN", "container": "app", "port": 3000}
UNKNOWN = {"nonsense": 1}
ROUTE = {"path": "/", "service": "web", "port": 3000}
HOOK = {"path": "/e/", "strip_prefix": True, "profile": "sse", "headers": {"Hook-Url": "$scheme://$host$request_uri"}}


def the_host_accepts(data: Any) -> bool:
    try:
        parse_stack(data, name="app")
    except RefusedError:
        return False
    return True


def the_type_accepts(data: Any) -> bool:
    try:
        StackFile.model_validate(data)
    except ValidationError:
        return False
    return True


def an_editor_accepts(data: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(SCHEMA).is_valid(data))


# The fields of the host's reader, as its refusal of an unknown field lists them: where the field stands, and the type.
PLACES = [
    (UNKNOWN, StackFile),
    ({"health": UNKNOWN}, Health),
    ({"secrets": [UNKNOWN]}, Secret),
    ({"directories": [UNKNOWN]}, Directory),
    ({"sites": [UNKNOWN]}, Site),
    ({"sites": [{"domain": "a.example.com", "routes": [UNKNOWN]}]}, Route),
    ({"ports": [UNKNOWN]}, Port),
    ({"reload": [UNKNOWN]}, Reload),
]


@pytest.mark.parametrize(("more", "model"), PLACES, ids=[model.__name__ for _more, model in PLACES])
def test_both_know_the_same_fields(more: dict[str, Any], model: Any) -> None:
    with pytest.raises(RefusedError, match="there is no such field") as refused:
        parse_stack({**LEAST, **more}, name="app")
    fields = {field.alias or name for name, field in model.model_fields.items()}
    assert set(str(refused.value.expected).split(", ")) == fields, "a new field belongs into vsa/stack_file.py too"


GOOD: list[dict[str, Any]] = [
    {},
    {"tenant": "acme", "memory": "512m", "health": {"timeout": 60}},
    {"memory": 0, "health": {}},
    {"tenant": None, "memory": None, "health": None, "secrets": None, "sites": None, "ports": None, "host_ports": None},
    {"secrets": [{"name": "DB_PASSWORD"}, {"name": "KEY", "length": 64}]},
    {"directories": [{"path": "data/up", "owner": 1000, "group": 101, "mode": "0750"}, {"path": "logs"}]},
    {"directories": [{"path": "data", "group": 80443, "group_before": 101}]},
    {"sites": [SITE, {"domain": "a.example.com", "container": "a-1", "port": 80, "profile": "llm"}]},
    {"sites": [{"domain": "bücher.example", "container": "a", "port": 1}]},
    {"ports": [25, "53/udp", {"port": 8443, "protocol": "tcp", "reason": "mail"}], "host_ports": [9100]},
    {
        "sites": [{"domain": "a.example.com", "service": "web", "port": 80}],
        "secrets": [{"name": "A", "rotatable": True}],
    },
    {"sites": [{**SITE, "compose_profile": "hub"}]},
    {"unpinned": ["web"], "reload": [{"service": "web"}, {"service": "db", "signal": "USR1"}]},
    {"reload": [{"service": "web", "signal": "none", "mount": "conf/app"}]},
    {"unpinned": None, "reload": None},
    {"deploy": "rolling", "drain": 45},
    {"deploy": "recreate", "drain": 5},
    {"deploy": None, "drain": None},
    {"egress": False},
    {"egress": True},
    {"egress": ["door"]},
    {"egress": None},
    {"docker_api": {"cadvisor": "inspect", "web": "list"}},
    {"docker_api": None},
    {"refused_images": [{"image": "litellm", "versions": ["1.82.7", "1.107"], "reason": "it steals keys"}]},
    {"refused_images": None},
    {"alerts": "alertmanager"},
    {"alerts": None},
    {"core": "app/core"},
    {"core": None},
    {
        "secrets": [
            {"name": "A", "format": "hex", "prefix": "sk-", "length": 24},
            {"name": "B", "format": "base64url", "rotatable": True},
            {"name": "A_HASH", "format": "bcrypt-of", "of": "A"},
            {"name": "C_HASH", "format": "bcrypt-of", "of": "TYPED"},
        ]
    },
    {"sites": [{"domain": "a.example.com", "routes": [ROUTE, {**ROUTE, **HOOK}], "profile": "web"}]},
    {"sites": [{**SITE, "aliases": ["b.example.com"], "auth": ["/"], "auth_open": ["/hooks/"]}]},
    {"sites": [{**SITE, "aliases": [], "auth": [], "auth_open": []}]},
]
BAD: list[dict[str, Any]] = [
    {"schema": True},
    {"schema": "1"},
    {"schema": 2},
    {"description": ""},
    {"unpinned": "web"},
    {"unpinned": ["a b"]},
    {"reload": [{"signal": "HUP"}]},
    {"reload": [{"service": "web", "signal": "KILL"}]},
    {"reload": [{"service": "web", "mount": None}]},
    {"secrets": [{"name": "A", "rotatable": "yes"}]},
    {"description": "two\nlines"},
    {"description": 5},
    {"tenant": "../etc"},
    {"tenant": 5},
    {"memory": "-1"},
    {"memory": "5x"},
    {"health": 5},
    {"health": {"timeout": 4}},
    {"health": {"timeout": 3601}},
    {"health": {"timeout": True}},
    {"secrets": {"name": "A"}},
    {"secrets": ["A"]},
    {"secrets": [{}]},
    {"secrets": [{"name": "A-B"}]},
    {"secrets": [{"name": "A", "length": 15}]},
    {"secrets": [{"name": "A", "length": 129}]},
    {"directories": [{"path": "/etc"}]},
    {"directories": [{"path": "a", "mode": 0o750}]},
    {"directories": [{"path": "a", "mode": "4755"}]},
    {"directories": [{"path": "a", "owner": -1}]},
    {"directories": [{"path": "a", "group": (1 << 32) - 1}]},
    {"directories": [{"path": "a", "group_before": "x"}]},
    {"directories": [{"mode": "0755"}]},
    {"sites": [{**SITE, "domain_from": "A;"}]},
    {"sites": [{**SITE, "port": 0}]},
    {"sites": [{**SITE, "compose_profile": "a b"}]},
    {"sites": [{**SITE, "profile": "fast"}]},
    {"sites": [{**SITE, "container": "a b"}]},
    {"ports": 25},
    {"ports": ["25/x"]},
    {"ports": [True]},
    {"ports": [{"port": 25, "reason": 1}]},
    {"ports": [{}]},
    {"host_ports": 9100},
    {"host_ports": [0]},
    {"host_ports": ["x"]},
    {"deploy": "blue-green"},
    {"deploy": True},
    {"drain": 4},
    {"drain": 601},
    {"drain": "soon"},
    {"egress": "no"},
    {"egress": 0},
    {"egress": ["a b"]},
    {"egress": {"door": True}},
    {"docker_api": "list"},
    {"alerts": ["alertmanager"]},
    {"core": ["app/core"]},
    {"alerts": "a b"},
    {"docker_api": ["web"]},
    {"docker_api": {"web": "all"}},
    {"refused_images": {"image": "litellm"}},
    {"refused_images": [{"image": "berriai/litellm", "versions": ["1.1"], "reason": "x"}]},
    {"refused_images": [{"image": "litellm", "versions": [1.1], "reason": "x"}]},
    {"refused_images": [{"image": "litellm", "versions": [], "reason": "x"}]},
    {"refused_images": [{"image": "litellm", "versions": ["1.1"]}]},
    {"secrets": [{"name": "A", "format": "md5"}]},
    {"secrets": [{"name": "A", "prefix": "a b"}]},
    {"secrets": [{"name": "A", "prefix": 5}]},
    {"secrets": [{"name": "A", "format": "bcrypt-of", "of": "a-b"}]},
    {"sites": [{"domain": "a.example.com", "routes": [{**ROUTE, "path": "x"}]}]},
    {"sites": [{"domain": "a.example.com", "routes": [{**ROUTE, "headers": ["X"]}]}]},
    {"sites": [{"domain": "a.example.com", "routes": [{**ROUTE, "headers": {"X-A": "text"}}]}]},
    {"sites": [{"domain": "a.example.com", "routes": {"/": "web"}}]},
    {"sites": [{**SITE, "aliases": "b.example.com"}]},
    {"sites": [{**SITE, "auth": ["admin"]}]},
    {"sites": [{**SITE, "auth_open": "/"}]},
]
# What a schema cannot say, or does not say in a way that an editor shows well: the host and the type refuse it.
BEYOND_A_SCHEMA: list[dict[str, Any]] = [
    {"reload": [{"service": "web", "mount": "../etc"}]},
    {"directories": [{"path": "a/../../b"}]},
    {"core": "../core"},
    {"sites": [{"container": "a", "port": 1}]},
    {"sites": [{"domain_from": "A", "port": 1}]},
    {"sites": [{**SITE, "service": "web"}]},
    {"sites": [{**SITE, "domain": "a.example.com"}]},
    {"sites": [{"domain": "a b", "container": "a", "port": 1}]},
    {"sites": [{**SITE, "container": "x.flowbiz_ext"}]},
    {"ports": [443]},
    {"ports": ["80/tcp"]},
    {"secrets": [{"name": "A", "of": "B"}]},
    {"secrets": [{"name": "A", "format": "bcrypt-of"}]},
    {"secrets": [{"name": "A", "format": "bcrypt-of", "of": "A"}]},
    {"secrets": [{"name": "A", "format": "bcrypt-of", "of": "B", "length": 20}]},
    {"secrets": [{"name": "A", "format": "bcrypt-of", "of": "B", "rotatable": True}]},
    {"secrets": [{"name": "B", "format": "hex", "length": 37}, {"name": "A", "format": "bcrypt-of", "of": "B"}]},
    {"secrets": [{"name": f"H{n}", "format": "bcrypt-of", "of": f"H{n + 1}"} for n in range(2)]},
    {"sites": [{**SITE, "routes": [ROUTE]}]},
    {"sites": [{"domain": "a.example.com", "port": 80, "routes": [ROUTE]}]},
    {"sites": [{"domain": "a.example.com", "service": "web"}]},
    {"sites": [{"domain": "a.example.com", "routes": []}]},
    {"sites": [{"domain": "a.example.com", "routes": [ROUTE, ROUTE]}]},
    {"sites": [{"domain": "a.example.com", "routes": [{**ROUTE, "container": "web-1"}]}]},
    {"sites": [{"domain": "a.example.com", "routes": [{**ROUTE, "strip_prefix": True}]}]},
    {"sites": [{"domain": "a.example.com", "routes": [{**ROUTE, "headers": {"Host": "$host"}}]}]},
    {"docker_api": {"a b": "list"}},
    {"sites": [{**SITE, "auth_open": ["/"]}]},
    {"sites": [{**SITE, "auth": ["/a/"], "auth_open": ["/A/"]}]},
]
# YAML that quotes a number: the host accepts it, an editor asks for the plain number.
QUOTED: list[dict[str, Any]] = [
    {"health": {"timeout": "60"}},
    {"drain": "45"},
    {"sites": [{**SITE, "port": "3000"}]},
    {"host_ports": ["53"]},
]


@pytest.mark.parametrize(
    ("more", "host", "editor"),
    [
        *((more, True, True) for more in GOOD),
        *((more, False, False) for more in BAD),
        *((more, False, True) for more in BEYOND_A_SCHEMA),
        *((more, True, False) for more in QUOTED),
    ],
)
def test_both_accept_the_same(more: dict[str, Any], host: bool, editor: bool) -> None:
    data = {**LEAST, **more}
    assert (the_host_accepts(data), the_type_accepts(data), an_editor_accepts(data)) == (host, host, editor)


@pytest.mark.parametrize("data", [None, [], "text", {"schema": 1}, {"description": "x"}])
def test_what_is_no_stack_is_refused_by_all(data: Any) -> None:
    assert (the_host_accepts(data), the_type_accepts(data), an_editor_accepts(data)) == (False, False, False)


def test_the_defaults_are_those_of_the_host() -> None:
    read = StackFile.model_validate({**LEAST, "secrets": [{"name": "A"}], "health": {}, "ports": [25]})
    stack = parse_stack({**LEAST, "secrets": [{"name": "A"}], "health": {}, "ports": [25]}, name="app")
    assert read.secrets is not None
    assert read.health is not None
    assert read.ports is not None
    assert (read.tenant, read.memory, read.health.timeout) == (stack.tenant, stack.memory, stack.timeout)
    assert read.secrets[0].length == stack.secrets[0].length
    assert read.ports[0].protocol == stack.ports[0].protocol
    folder = parse_stack({**LEAST, "directories": [{"path": "a"}]}, name="app").directories[0]
    typed = Directory(path="a")
    assert (typed.owner, typed.group, int(typed.mode, 8), typed.group_before) == (
        folder.owner,
        folder.group,
        folder.mode,
        folder.group_before,
    )


@pytest.mark.parametrize("path", sorted(ROOT.glob("stacks/*/stack.yml")), ids=lambda path: path.parent.name)
def test_the_stacks_of_the_collection_are_of_the_schema(path: Path) -> None:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert (the_type_accepts(data), an_editor_accepts(data)) == (True, True)


def test_the_published_schema_is_this_one() -> None:
    assert stack_schema() == SCHEMA
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
