"""The manifest of a stack: what is accepted, and which field an error names."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import (
    Directory,
    Secret,
    Stack,
    StackSite,
    parse_stack,
)

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
