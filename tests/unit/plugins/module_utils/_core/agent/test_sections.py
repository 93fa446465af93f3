"""The allow-list of what a beat may say of a node."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.sections import (
    MOST_ENTRIES,
    SECTIONS,
    checked_rows,
    cut_rows,
    cut_text,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError

FORBIDDEN = ("env", "cmd", "command", "labels", "mounts", "args", "entrypoint")


def test_no_section_has_a_field_for_secrets_of_containers() -> None:
    assert not set(FORBIDDEN) & set(SECTIONS["containers"].fields)


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_each_section_has_its_key_among_its_fields(name: str) -> None:
    assert SECTIONS[name].fields[SECTIONS[name].key].kind == "text"


def test_what_is_not_listed_is_left_out_and_rows_are_sorted() -> None:
    rows: list[dict[str, Any]] = [
        {"id": "b", "Env": ["A=secret"]},
        {"id": "a", "name": "web", "labels": {"x": "secret"}},
        {"name": "none"},
    ]
    found = cut_rows("containers", rows)
    assert [row["id"] for row in found] == ["a", "b"]
    assert set(found[0]) == set(SECTIONS["containers"].fields)
    assert found[0]["name"] == "web"
    assert "secret" not in json.dumps(found)


def test_the_first_of_two_rows_with_one_key_stays() -> None:
    assert [row["memory_bytes"] for row in cut_rows("usage", [{"id": "a", "memory_bytes": n} for n in (1, 2)])] == [1]


@pytest.mark.parametrize(
    ("value", "cut"),
    [
        ({"load1": 1}, 1),
        ({"load1": 0.5}, 0.5),
        ({"load1": float("nan")}, None),
        ({"load1": float("inf")}, None),
        ({"load1": True}, None),
        ({"load1": "1"}, None),
        ({"load1": 2**63}, None),
        ({}, None),
    ],
)
def test_a_value_of_another_kind_becomes_null(value: dict[str, Any], cut: object) -> None:
    assert cut_rows("figures", [{"id": "node", **value}])[0]["load1"] == cut


def test_texts_are_cut_and_hold_no_nul() -> None:
    row = cut_rows("containers", [{"id": "a", "name": "x\x00" * 300, "networks": ["n" * 400, 7], "created_at": "soon"}])
    assert row[0]["name"] == "x\ufffd" * 150
    assert row[0]["networks"] == ["n" * 300]
    assert row[0]["created_at"] is None
    assert cut_text("\ud800") == "\ufffd"


def test_objects_are_cut_by_their_own_fields() -> None:
    rows = [{"domain": "a.example", "routes": [{"path": "/", "token": "secret"}, 1], "auth": {"users": 2, "hash": "x"}}]
    row = cut_rows("domains", rows)[0]
    assert row["routes"] == [{"path": "/", "container": None, "port": None, "upstream_state": None}]
    assert row["auth"] == {"paths": None, "open": None, "users": 2}


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_what_the_agent_cuts_the_hub_takes(name: str) -> None:
    fields = SECTIONS[name].fields
    rows = cut_rows(
        name, [{SECTIONS[name].key: key, **dict.fromkeys(set(fields) - {SECTIONS[name].key})} for key in "ba"]
    )
    assert checked_rows(name, json.loads(json.dumps(rows)), place="rows") == rows


@pytest.mark.parametrize(
    ("section", "rows", "place"),
    [
        ("usage", {}, "rows"),
        ("usage", [3], "rows/0"),
        ("usage", [{}], "rows/0/id"),
        ("usage", [{"id": "a"}, {"id": "a"}], "rows/1/id"),
        ("usage", [{"id": "a" * 301}], "rows/0/id"),
        ("usage", [{"id": "a\x00"}], "rows/0/id"),
        ("usage", [{"id": 5}], "rows/0/id"),
        ("usage", [{"id": "a", "memory_bytes": "5"}], "rows/0/memory_bytes"),
        ("usage", [{"id": "a", "memory_bytes": 1.5}], "rows/0/memory_bytes"),
        ("usage", [{"id": "a", "cpu_seconds": float("nan")}], "rows/0/cpu_seconds"),
        ("domains", [{"domain": "a", "aliases": "b"}], "rows/0/aliases"),
        ("domains", [{"domain": "a", "aliases": ["b"] * (MOST_ENTRIES + 1)}], "rows/0/aliases"),
        ("domains", [{"domain": "a", "aliases": [["b"]]}], "rows/0/aliases/0"),
        ("domains", [{"domain": "a", "routes": [{"port": "80"}]}], "rows/0/routes/0/port"),
        ("domains", [{"domain": "a", "auth": []}], "rows/0/auth"),
        ("domains", [{"domain": "a", "last_change": {"at": "yesterday"}}], "rows/0/last_change/at"),
    ],
)
def test_the_hub_refuses_with_the_place(section: str, rows: object, place: str) -> None:
    with pytest.raises(RefusedError) as refused:
        checked_rows(section, rows, place="rows")
    assert refused.value.field == place


def test_a_field_of_a_newer_agent_is_left_out() -> None:
    assert checked_rows("usage", [{"id": "a", "gpu": 1}], place="rows") == [
        {"id": "a", "memory_bytes": None, "cpu_seconds": None}
    ]
