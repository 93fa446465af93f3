"""stack.yml, environment files and the images that a compose file means."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import (
    Directory,
    Secret,
    Stack,
    StackSite,
    complete_env,
    env_values,
    images,
    interpolate,
    missing_secrets,
    parse_env,
    parse_stack,
    relative_path,
    stack_name,
)

LEAST = {"schema": 1, "description": "An application"}


def test_the_least_stack() -> None:
    assert parse_stack(LEAST, name="app") == Stack(name="app", description="An application", tenant="platform")


def test_a_whole_stack() -> None:
    data = {
        **LEAST,
        "tenant": "acme",
        "proxy": True,
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
        proxy=True,
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
        ({**LEAST, "proxy": "yes"}, "proxy"),
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
        ({**LEAST, "sites": [{"container": "a", "port": 1}]}, "sites/0"),
        ({**LEAST, "sites": [{"domain": "a.test", "domain_from": "A", "container": "a", "port": 1}]}, "sites/0"),
        ({**LEAST, "sites": [{"domain": "a b", "container": "a", "port": 1}]}, "sites/0/domain"),
        ({**LEAST, "sites": [{"domain_from": "A;", "container": "a", "port": 1}]}, "sites/0/domain_from"),
    ],
)
def test_a_bad_stack_is_refused_with_its_field(data: Any, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        parse_stack(data, name="app")
    assert refused.value.field == field


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a/b", "..", "a" * 64, "a\n", None, 1])
def test_a_bad_name_is_refused(name: object) -> None:
    with pytest.raises(RefusedError):
        stack_name(name)


@pytest.mark.parametrize("path", ["", "/", "a//b", "../a", "a/..", ".", "a b", "a\n", "a/" * 11 + "a", None])
def test_a_bad_path_is_refused(path: object) -> None:
    with pytest.raises(RefusedError):
        relative_path(path, field="files")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("# A=1\n\nB=2\n", {"B": "2"}),
        ("A=1\nA=2", {"A": "2"}),
        ("export A = 1 ", {"A": "1"}),
        ("A=\"x y\"\nB='z'", {"A": "x y", "B": "z"}),
        ("A=x # why", {"A": "x"}),
        ("A=x#y", {"A": "x#y"}),
        ("A=", {"A": ""}),
        ("A=b=c", {"A": "b=c"}),
    ],
)
def test_parse_env(text: str, values: dict[str, str]) -> None:
    assert parse_env(text) == values


def test_a_line_that_is_no_variable_is_named_and_not_shown() -> None:
    with pytest.raises(RefusedError) as refused:
        parse_env("A=1\nhunter2 is my password\n")
    assert refused.value.value == "env/.env:2"
    assert "hunter2" not in str(refused.value.as_result())


@pytest.mark.parametrize(
    ("env", "example", "values", "expected"),
    [
        (None, "", {}, ""),
        (None, "# how\nA=\n#B=2\n", {"A": "s"}, "# how\nA=s\n#B=2\n"),
        (None, "#B=2\n", {"B": "3"}, "B=3\n"),
        ("A=mine\n", "A=\n", {}, "A=mine\n"),
        ("A=mine\n", "A=\n", {"A": "new"}, "A=new\n"),
        ("A=1\n#A=2\n", "", {"A": "3"}, "A=3\n#A=2\n"),
        ("A=1", "", {"B": "2"}, "A=1\nB=2\n"),
        ("A=1\n", "", {"A": "1"}, "A=1\n"),
        ("AB=1\n", "", {"A": "2"}, "AB=1\nA=2\n"),
    ],
)
def test_complete_env(env: str | None, example: str, values: dict[str, str], expected: str) -> None:
    assert complete_env(env, example, values) == expected
    assert complete_env(expected, example, values) == expected, "the second time changes nothing"


def test_missing_secrets() -> None:
    stack = parse_stack({**LEAST, "secrets": [{"name": "A"}, {"name": "B"}, {"name": "C"}]}, name="app")
    assert [secret.name for secret in missing_secrets(stack, "A=x\nB=\n")] == ["B", "C"]
    assert len(missing_secrets(stack, None)) == 3


@pytest.mark.parametrize(
    "values", [{"A B": "x"}, {"A": "x y"}, {"A": "x\nB=y"}, {"A": "$(id)"}, {"A": None}, {"A": True}]
)
def test_values_that_would_need_quotes_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(RefusedError):
        env_values(values)


def test_env_values() -> None:
    assert env_values({"NGINX_IMAGE": "nginx:1.31.0", "PORT": 80}) == {"NGINX_IMAGE": "nginx:1.31.0", "PORT": "80"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$A", "1"),
        ("${A}", "1"),
        ("${B:-2}", "2"),
        ("${EMPTY:-2}", "2"),
        ("${EMPTY-2}", ""),
        ("${B-2}", "2"),
        ("${B}", ""),
        ("$$A", "$A"),
        ("nginx:${A:-9}.30", "nginx:1.30"),
        ("${A}${B:-x}", "1x"),
    ],
)
def test_interpolate(text: str, expected: str) -> None:
    assert interpolate(text, {"A": "1", "EMPTY": ""}) == expected


def test_images() -> None:
    compose = {"services": {"a": {"image": "${A:-nginx:1.30.7}"}, "b": {"image": "host:5000/x@sha256:00"}}}
    assert images(compose, {}) == {"a": "nginx:1.30.7", "b": "host:5000/x@sha256:00"}
    assert images(compose, {"A": "nginx:1.31.0"})["a"] == "nginx:1.31.0"


@pytest.mark.parametrize(
    "compose",
    [
        None,
        {},
        {"services": {}},
        {"services": {"a": {}}},
        {"services": {"a": {"build": "."}}},
        {"services": {"a": {"image": "nginx"}}},
        {"services": {"a": {"image": "nginx:latest"}}},
        {"services": {"a": {"image": "host:5000/nginx"}}},
        {"services": {"a": {"image": "nginx:${TAG}"}}},
    ],
)
def test_an_image_that_is_not_pinned_is_refused(compose: object) -> None:
    with pytest.raises(RefusedError):
        images(compose, {})
