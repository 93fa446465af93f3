# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugin reads of a stack's folder, and how files and variables are handed to the module."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.action.stack import ActionModule
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with one stack."""
    folder = tmp_path / "app"
    (folder / "bin").mkdir(parents=True)
    for name, text in (
        ("stack.yml", "schema: 1\n"),
        ("compose.yml", "services: {}\n"),
        (".env.example", "A=\n"),
        ("bin/run.sh", "exit 0\n"),
        (".env", "A=secret\n"),
        ("bin/.swap", "x"),
    ):
        (folder / name).write_text(text)
    (folder / "link").symlink_to("/etc/passwd")
    return tmp_path


def added(**task: Any) -> dict[str, Any]:
    """Return the options that the plugin adds to those of a task."""
    plugin = ActionModule.__new__(ActionModule)
    plugin._task = SimpleNamespace(args=task)
    return plugin.arguments()


def test_the_texts_of_the_folder(source: Path) -> None:
    files = json.loads(added(name="app", source=str(source))["files"])
    assert sorted(files) == [".env.example", "bin/run.sh", "compose.yml", "stack.yml"]
    assert files["bin/run.sh"] == "exit 0\n"


def test_without_a_source_the_collections_own_stacks() -> None:
    files = json.loads(added(name="reverse-proxy")["files"])
    assert {"stack.yml", "compose.yml", ".env.example", "bin/nginx.sh"} <= set(files)


def test_a_stack_that_is_not_there(source: Path) -> None:
    (source / "no-stack").mkdir()
    with pytest.raises(RefusedError) as refused:
        added(name="no-stack", source=str(source))
    assert refused.value.there_are == ["app"]
    with pytest.raises(RefusedError, match="there is no such stack"):
        added(name="app", source=str(source / "nowhere"))


@pytest.mark.parametrize("name", ["../app", "", None, "App"])
def test_a_name_that_is_no_name(source: Path, name: object) -> None:
    with pytest.raises(RefusedError, match="this is not a stack's name"):
        added(name=name, source=str(source))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe", "a file of the stack is not text"), (b"x" * ((1 << 20) + 1), "larger than 1")],
)
def test_a_file_that_cannot_be_handed_over(source: Path, content: bytes, message: str) -> None:
    (source / "app/file").write_bytes(content)
    with pytest.raises(RefusedError, match=message) as refused:
        added(name="app", source=str(source))
    assert refused.value.value == "app/file"


@pytest.mark.parametrize(("env", "handed"), [({"A": "1"}, '{"A": "1"}'), ({}, None), (None, None)])
def test_variables_are_one_text(env: dict[str, str] | None, handed: str | None) -> None:
    assert added(name="app", state="verified", env=env) == {"env": handed}
