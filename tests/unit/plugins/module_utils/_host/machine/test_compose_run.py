# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose's command line: its words, its environment, and its complaint if it fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import NotRolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.compose_run import ComposeProject

FAKE = """\
#!/bin/sh
printf '%s\\n' "$*" >said; env >environment
if [ -e slow ]; then exec sleep 5; fi
if [ -e broken ]; then printf 'one\\n\\033[31mtwo\\n' >&2; exit 1; fi
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ComposeProject:
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("APP_IMAGE", "of root")
    return ComposeProject("acme-shop", str(tmp_path), ("/state/compose.yml",), "/state/.env")


def test_the_words(project: ComposeProject, tmp_path: Path) -> None:
    assert project.run("up", "--detach", "web", seconds=5) is None
    assert (tmp_path / "said").read_text() == (
        "compose --ansi never --project-name acme-shop"
        f" --project-directory {tmp_path} --env-file /state/.env --file /state/compose.yml up --detach web\n"
    )
    assert "APP_IMAGE" not in (tmp_path / "environment").read_text(), "the shell of root decides no image"


def test_a_failure_has_the_words_of_compose(project: ComposeProject, tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    said = project.run("up", seconds=5)
    assert said is not None
    assert said.lines() == ["Compose says: one", "Compose says: \\x1b[31mtwo"]


def test_compose_that_does_not_end(project: ComposeProject, tmp_path: Path) -> None:
    (tmp_path / "slow").touch()
    with pytest.raises(NotRolledBackError, match="Compose did not end"):
        project.run("up", seconds=0.1)


def test_a_host_without_compose(project: ComposeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NotRolledBackError, match="Compose did not end: FileNotFoundError"):
        project.run("up", seconds=5)
