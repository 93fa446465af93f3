# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting by a trash folder: only what was expected, and everything that an interrupted run left."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.trash import discard, empty_trash
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.walk import Directory, Identity, walk


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "acme/shop/data/deep").mkdir(parents=True)
    (tmp_path / "acme/shop/data/file").write_text("x")
    return tmp_path


def identity(path: Path) -> Identity:
    return path.lstat().st_dev, path.lstat().st_ino


@pytest.mark.parametrize("name", ["acme/shop/data", "acme/shop/data/file"])
def test_what_is_expected_goes_without_a_trace(top: Path, name: str) -> None:
    with walk(top) as found:
        discard(found, name, identity(top / name))
        discard(found, name, (0, 0))  # gone already
    assert not (top / name).exists()
    assert [path.name for path in top.iterdir()] == ["acme"]


def test_what_is_not_expected_stays(top: Path) -> None:
    with walk(top) as found, pytest.raises(RefusedError, match="was exchanged"):
        discard(found, "acme/shop/data", (1, 2))
    assert (top / "acme/shop/data/file").read_text() == "x"
    assert [path.name for path in top.iterdir()] == ["acme"]


def test_what_is_not_expected_stays_beside_what_took_its_name(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move = Directory.move

    def and_again(self: Directory, name: str, target: Directory, fresh: str) -> None:
        move(self, name, target, fresh)
        if name == "acme/shop/data":
            (top / name).mkdir()

    monkeypatch.setattr(Directory, "move", and_again)
    with walk(top) as found, pytest.raises(RefusedError, match="was exchanged"):
        discard(found, "acme/shop/data", (1, 2))
    (aside,) = (top / "acme/shop").glob("data.*")
    assert (aside / "file").read_text() == "x"


def test_on_a_file_system_of_its_own_the_trash_is_there(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move = Directory.move
    refused: list[str] = []

    def from_below(self: Directory, name: str, target: Directory, fresh: str) -> None:
        if len(refused) < 2:
            refused.append(name)
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        move(self, name, target, fresh)

    monkeypatch.setattr(Directory, "move", from_below)
    with walk(top) as found:
        discard(found, "acme/shop/data", identity(top / "acme/shop/data"))
    assert not (top / "acme/shop/data").exists()
    assert list(top.rglob(".vsa-trash")) == []
    refused.clear()
    (top / "acme/file").write_text("x")
    with walk(top) as found, pytest.raises(RefusedError, match="cannot be moved to a trash folder"):
        discard(found, "acme/file", identity(top / "acme/file"))


@pytest.mark.parametrize("place", ["", "acme", "acme/shop"])
def test_what_an_interrupted_run_left(top: Path, place: str) -> None:
    left = top / place / ".vsa-trash"
    (left / "1/deep").mkdir(parents=True)
    left.chmod(0o700)
    with walk(top) as found:
        empty_trash(found)
    assert not left.exists()
    assert (top / "acme/shop/data/file").exists()


def test_a_trash_folder_of_somebody_else_is_left_alone(top: Path) -> None:
    left = top / "acme/.vsa-trash/mine"
    left.mkdir(parents=True)
    left.parent.chmod(0o755)
    with walk(top) as found:
        empty_trash(found)
    assert left.exists()
