"""The field `backup` of stack.yml."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.declared import Backup, parse_backup
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import parse_stack


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({}, Backup()),
        ({"volumes": []}, Backup(volumes=())),
        ({"volumes": None}, Backup(volumes=None)),
        (
            {"databases": ["db"], "volumes": ["uploads", "data.1"], "stop": ["app"]},
            Backup(("db",), ("uploads", "data.1"), ("app",)),
        ),
    ],
)
def test_what_is_declared(value: Any, wanted: Backup) -> None:
    assert parse_backup(value, "backup") == wanted


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (True, "backup"),
        (["data"], "backup"),
        ({"volume": ["data"]}, "backup/volume"),
        ({"volumes": "data"}, "backup/volumes"),
        ({"volumes": ["data", "../etc"]}, "backup/volumes/1"),
        ({"databases": [1]}, "backup/databases/0"),
        ({"stop": ["a b"]}, "backup/stop/0"),
        ({"stop": ["--all\n"]}, "backup/stop/0"),
    ],
)
def test_what_is_refused(value: Any, field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_backup(value, "backup")
    assert caught.value.field == field


def test_stack_yml_has_the_field() -> None:
    stack = parse_stack({"schema": 1, "description": "x", "backup": {"databases": ["db"]}}, name="shop")
    assert stack.backup == Backup(databases=("db",))
    assert parse_stack({"schema": 1, "description": "x"}, name="shop").backup is None
