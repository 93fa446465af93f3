"""The manifest of a stack: what is accepted, and which field an error names."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import (
    BY_ITSELF,
    Directory,
    Port,
    Reload,
    Stack,
    parse_stack,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.secrets import Secret
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.sites import StackSite

LEAST = {"schema": 1, "description": "An application"}


def test_the_least_stack() -> None:
    assert parse_stack(LEAST, name="app") == Stack(name="app", description="An application", tenant="platform")


def test_a_whole_stack() -> None:
    data = {
        **LEAST,
        "tenant": "acme",
        "memory": "512m",
        "health": {"timeout": 60},
        "secrets": [{"name": "DB_PASSWORD"}, {"name": "KEY", "length": 64}],
        "directories": [{"path": "data/up", "owner": 1000, "group": 101, "mode": "0750"}, {"path": "logs"}],
        "sites": [{"domain_from": "APP_DOMAIN", "container": "app", "port": 3000, "profile": "llm"}],
    }
    assert parse_stack(data, name="app") == Stack(
        name="app",
        description="An application",
        tenant="acme",
        memory=512 << 20,
        timeout=60,
        secrets=(Secret("DB_PASSWORD"), Secret("KEY", 64)),
        directories=(Directory("data/up", 1000, 101, 0o750), Directory("logs")),
        sites=(StackSite("app", 3000, domain_from="APP_DOMAIN", profile="llm"),),
    )
    assert parse_stack(data, name="app").folder == "srv/acme/app"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (None, "stack.yml"),
        ([], "stack.yml"),
        ({"description": "x"}, "schema"),
        ({**LEAST, "schema": True}, "schema"),
        ({**LEAST, "schema": "1"}, "schema"),
        ({"schema": 1}, "description"),
        ({"schema": 1, "description": "two\nlines"}, "description"),
        ({**LEAST, "nonsense": 1}, "nonsense"),
        ({**LEAST, "tenant": "../etc"}, "tenant"),
        ({**LEAST, "proxy": True}, "proxy"),
        ({**LEAST, "memory": "-1"}, "memory"),
        ({**LEAST, "health": 5}, "health"),
        ({**LEAST, "health": {"timeout": 0}}, "health/timeout"),
        ({**LEAST, "health": {"other": 1}}, "health/other"),
        ({**LEAST, "secrets": {"name": "A"}}, "secrets"),
        ({**LEAST, "secrets": ["A"]}, "secrets/0"),
        ({**LEAST, "secrets": [{"name": "A-B"}]}, "secrets/0/name"),
        ({**LEAST, "secrets": [{"name": "A", "length": 4}]}, "secrets/0/length"),
        ({**LEAST, "directories": [{"path": "/etc"}]}, "directories/0/path"),
        ({**LEAST, "directories": [{"path": "a/../../b"}]}, "directories/0/path"),
        ({**LEAST, "directories": [{"path": "a", "mode": 0o750}]}, "directories/0/mode"),
        ({**LEAST, "directories": [{"path": "a", "mode": "4755"}]}, "directories/0/mode"),
        ({**LEAST, "directories": [{"path": "a", "owner": -1}]}, "directories/0/owner"),
        ({**LEAST, "directories": [{"path": "a", "group": (1 << 32) - 1}]}, "directories/0/group"),
        ({**LEAST, "directories": [{"path": "a", "group_before": "x"}]}, "directories/0/group_before"),
        ({**LEAST, "sites": [{"container": "a", "port": 1}]}, "sites/0"),
        ({**LEAST, "sites": [{"domain": "a.test", "domain_from": "A", "container": "a", "port": 1}]}, "sites/0"),
        ({**LEAST, "sites": [{"domain": "a b", "container": "a", "port": 1}]}, "sites/0/domain"),
        ({**LEAST, "sites": [{"domain": "a.test", "container": "a", "service": "a", "port": 1}]}, "sites/0"),
        ({**LEAST, "sites": [{"domain": "a.test", "port": 1}]}, "sites/0"),
        ({**LEAST, "sites": [{"domain": "a.test", "service": "a b", "port": 1}]}, "sites/0/service"),
        ({**LEAST, "secrets": [{"name": "A", "rotatable": "yes"}]}, "secrets/0/rotatable"),
        ({**LEAST, "unpinned": "web"}, "unpinned"),
        ({**LEAST, "unpinned": ["web;"]}, "unpinned/0"),
        ({**LEAST, "reload": [{"signal": "HUP"}]}, "reload/0/service"),
        ({**LEAST, "deploy": "blue-green"}, "deploy"),
        ({**LEAST, "deploy": ["rolling"]}, "deploy"),
        ({**LEAST, "drain": 4}, "drain"),
        ({**LEAST, "drain": "soon"}, "drain"),
        ({**LEAST, "reload": [{"service": "web", "signal": "KILL"}]}, "reload/0/signal"),
        ({**LEAST, "reload": [{"service": "web", "mount": "../etc"}]}, "reload/0/mount"),
        ({**LEAST, "sites": [{"domain_from": "A;", "container": "a", "port": 1}]}, "sites/0/domain_from"),
    ],
)
def test_a_bad_stack_is_refused_with_its_field(data: Any, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        parse_stack(data, name="app")
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("entry", "port"),
    [
        (25, Port(25)),
        ("53/udp", Port(53, "udp")),
        ({"port": 25, "reason": " mail\n of others "}, Port(25, "tcp", "mail of others")),
    ],
)
def test_a_published_port(entry: object, port: Port) -> None:
    data = {"schema": 1, "description": "x", "ports": [entry]}
    assert parse_stack(data, name="app").ports == (port,)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (25, "ports"),
        ([443], "ports/0/port"),
        (["80/tcp"], "ports/0/port"),
        (["25/x"], "ports/0/protocol"),
        ([True], "ports/0/port"),
        ([{"port": 25, "reason": 1}], "ports/0/reason"),
        ([{"port": 25, "more": 1}], "ports/0/more"),
        ([{}], "ports/0/port"),
    ],
)
def test_a_published_port_that_is_refused(value: object, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        parse_stack({"schema": 1, "description": "x", "ports": value}, name="app")
    assert refused.value.field == field


def test_the_ports_of_the_host_that_a_stack_reaches() -> None:
    data = {"schema": 1, "description": "x", "host_ports": [9100, "53"]}
    assert parse_stack(data, name="app").host_ports == (9100, 53)
    for value, field in ((9100, "host_ports"), (["x"], "host_ports/0"), ([0], "host_ports/0")):
        with pytest.raises(RefusedError) as refused:
            parse_stack({**data, "host_ports": value}, name="app")
        assert refused.value.field == field


def test_what_services_of_a_stack_may_do() -> None:
    data = {
        "schema": 1,
        "description": "x",
        "unpinned": ["web"],
        "reload": [
            {"service": "web"},
            {"service": "db", "signal": "USR1"},
            {"service": "c", "signal": "none", "mount": "d"},
        ],
        "secrets": [{"name": "KEY", "rotatable": True}],
        "sites": [{"domain": "a.test", "service": "web", "port": 3000}],
    }
    stack = parse_stack(data, name="app")
    assert stack.unpinned == ("web",)
    assert stack.reload == (Reload("web"), Reload("db", "USR1"), Reload("c", BY_ITSELF, "d"))
    assert stack.secrets[0].rotatable
    assert (stack.sites[0].service, stack.sites[0].container) == ("web", None)


@pytest.mark.parametrize(("tenant", "project"), [("acme", "acme-app"), ("platform", "app")])
def test_the_project_of_a_stack(tenant: str, project: str) -> None:
    assert parse_stack({"schema": 1, "description": "x", "tenant": tenant}, name="app").project == project


@pytest.mark.parametrize(
    ("value", "expected"), [(True, None), (False, ()), ([], ()), (["door", "a.b"], ("door", "a.b"))]
)
def test_who_has_a_way_out(value: object, expected: tuple[str, ...] | None) -> None:
    assert parse_stack({**LEAST, "egress": value}, name="app").egress == expected


def test_who_reads_docker() -> None:
    readers = parse_stack({**LEAST, "docker_api": {"cadvisor": "inspect", "web": "list"}}, name="app").docker_api
    assert [(reader.service, reader.network) for reader in readers] == [
        ("cadvisor", "vsa_docker_inspect"),
        ("web", "vsa_docker_list"),
    ]


@pytest.mark.parametrize("value", ["list", ["web"], {"web": "all"}, {"web": None}, {"web": ["list"]}, {"a b": "list"}])
def test_what_says_not_who_reads_docker(value: object) -> None:
    with pytest.raises(RefusedError) as refused:
        parse_stack({**LEAST, "docker_api": value}, name="app")
    assert str(refused.value.field).startswith("docker_api")


@pytest.mark.parametrize("value", ["no", 0, {"door": True}, ["a b"], [True]])
def test_what_says_not_who_has_a_way_out(value: object) -> None:
    with pytest.raises(RefusedError) as refused:
        parse_stack({**LEAST, "egress": value}, name="app")
    assert str(refused.value.field).startswith("egress")
