# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of ours that is damaged counts as missing, is named, and is moved aside by a run that changes the host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.shape import Object
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import documents
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.documents import (
    left_to_a_later_step,
    read_document,
    repairing,
)

SHAPE = Object({"base": int}, {})


@pytest.fixture(autouse=True)
def _nothing_met() -> Iterator[None]:
    documents.notes()
    yield
    documents.notes()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfe", "it is not UTF-8"),
        (b"", "it is not JSON"),
        (b"{torn", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it is not an object"),
        (b"{}", "/base is missing"),
        (b'{"base": "\\u001b[2J"}', "/base is not a whole number"),
        (b'{"base": true}', "/base is not a whole number"),
    ],
)
def test_a_damaged_file(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "journal.json"
    path.write_bytes(content)
    assert read_document(path, SHAPE) is None
    assert documents.damaged() == {path: problem}
    assert path.exists()
    assert documents.notes() == [
        f"{path} was damaged ({problem}): the next change of the host moves it aside and makes it anew"
    ]
    with repairing():
        assert read_document(path, SHAPE) is None
    assert documents.notes() == [
        f"{path} was damaged ({problem}): it was moved to journal.json.damaged, and VSA went on with what is live"
    ]
    assert (tmp_path / "journal.json.damaged").read_bytes() == content
    assert not path.exists()
    assert documents.notes() == []


def test_a_good_file_and_none(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    assert read_document(path, SHAPE) is None
    path.write_text('{"base": 3, "more": 1}')
    with repairing():
        assert read_document(path, SHAPE) == {"base": 3, "more": 1}
    assert documents.notes() == []


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    assert read_document(tmp_path, SHAPE) is None
    assert list(documents.damaged().values()) == ["it cannot be read: Is a directory"]


def test_what_a_later_step_names_is_named_once(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("torn")
    read_document(tmp_path / "a.json", SHAPE)
    with left_to_a_later_step():
        assert read_document(tmp_path / "b.json", SHAPE) is None
    assert list(documents.damaged()) == [tmp_path / "a.json"]
