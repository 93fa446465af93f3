"""Files that Compose reads before it says anything."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.reading import (
    Reference,
    judge_references,
    references,
)


def service(**keys: Any) -> dict[str, Any]:
    return {"services": {"web": keys}}


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        pytest.param({"include": "a.yml"}, ["a.yml"], id="include"),
        pytest.param({"include": ["a.yml", {"path": ["b.yml", "c.yml"]}]}, ["a.yml", "b.yml", "c.yml"], id="includes"),
        pytest.param(
            {"include": [{"path": "a.yml", "env_file": "/etc/x", "project_directory": ".."}]},
            ["a.yml", "/etc/x", ".."],
            id="what an include reads",
        ),
        pytest.param(service(extends={"file": "a.yml", "service": "x"}), ["a.yml"], id="extends"),
        pytest.param(service(extends={"service": "x"}), [], id="extends a service of the same file"),
        pytest.param(service(extends="x"), [], id="extends in short"),
        pytest.param(service(env_file="a.env"), ["a.env"], id="env_file"),
        pytest.param(service(env_file=["a", {"path": "b", "required": False}]), ["a", "b"], id="env_files"),
        pytest.param(service(label_file="labels"), ["labels"], id="label_file"),
        pytest.param({"services": {"web": None}}, [], id="an empty service"),
        pytest.param(None, [], id="an empty file"),
        pytest.param({"services": ["web"]}, [], id="no mapping"),
    ],
)
def test_references(document: object, paths: list[str]) -> None:
    assert [entry.path for entry in references(document)] == paths


@pytest.mark.parametrize("path", ["a.yml", "sub/a.env", "./a", "a..b"])
def test_inside(path: str) -> None:
    assert judge_references([Reference("web env_file", path)]) == []


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "../x",
        "sub/../../x",
        "~/x",
        "${HOME}/x",
        "$X",
        "https://example.com/x.git",
        "git@example.com:x.git",
        "oci://example.com/x",
        "github.com:x/y",
        "a\\..\\b",
        "",
    ],
)
def test_outside(path: str) -> None:
    (found,) = judge_references([Reference("web env_file", path)])
    assert (found.name, found.subject) == ("file-outside", f"web env_file {path}")
