# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a trail lies, the order of its files, and the id of its writer."""

from __future__ import annotations

import os
import re
import socket
import stat
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import (
    Places,
    rotated_number,
    this_controller,
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "log", tmp_path / "state", tmp_path / "spool")


def test_a_host_s_own_places(tmp_path: Path) -> None:
    host = Places.of_host(str(tmp_path))
    assert (host.folder, host.state) == (tmp_path / "var/log/vsa", tmp_path / "var/lib/vsa")
    assert host.log == tmp_path / "var/log/vsa/audit.jsonl"
    assert host.database == tmp_path / "var/lib/vsa/audit.db"


def test_root_of_a_managed_host_has_the_host_s_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc/vsa").mkdir(parents=True)
    (tmp_path / "etc/vsa/vsa.yml").write_text("")
    environ = {"HOME": "/home/ops"}
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert Places.here(environ, root=str(tmp_path)) == Places.of_host(str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert Places.here(environ, root=str(tmp_path)).folder == Path("/home/ops/.local/state/vsa")


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"HOME": "/home/ops"}, "/home/ops/.local/state/vsa"),
        ({"HOME": "/home/ops", "XDG_STATE_HOME": "/s"}, "/s/vsa"),
        ({"HOME": "/home/ops", "XDG_STATE_HOME": "relative"}, "/home/ops/.local/state/vsa"),
    ],
)
def test_a_user_s_places(tmp_path: Path, environ: dict[str, str], folder: str) -> None:
    here = Places.here(environ, root=str(tmp_path))
    assert (str(here.folder), str(here.state)) == (folder, folder)


def test_two_trails_of_a_user_have_two_spools(tmp_path: Path) -> None:
    first, second = (Places.here({"XDG_STATE_HOME": str(tmp_path / name)}, root=str(tmp_path)) for name in "ab")
    assert first.spool != second.spool


def test_the_files_are_in_the_order_of_their_records(places: Places) -> None:
    assert places.files() == []
    places.make()
    for name in ("audit.jsonl.2", "audit.jsonl.10", "audit.jsonl.1", "audit.jsonl.x", "audit.jsonl.01", "other"):
        (places.folder / name).touch()
    names = [file.name for file in places.files()]
    assert names == ["audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.10"], "the current file is not there yet"
    places.log.touch()
    assert places.files()[-1] == places.log


@pytest.mark.parametrize(
    ("name", "number"),
    [("audit.jsonl", 0), ("audit.jsonl.1", 1), ("audit.jsonl.12", 12), ("audit.jsonl.0", 0), ("xaudit.jsonl.1", 0)],
)
def test_the_number_of_a_rotated_file(name: str, number: int) -> None:
    assert rotated_number(name) == number


def test_the_directories_are_private(places: Places) -> None:
    places.make()
    places.make()
    for folder in (places.folder, places.state, places.runs[0]):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_writer_is_made_once(places: Places) -> None:
    first = this_controller(places)
    assert first.name == socket.gethostname()
    assert re.fullmatch("[0-9a-f]{16}", first.id)
    assert this_controller(places) == first
    other = Places(places.folder, places.folder / "other", places.spool)
    assert this_controller(other).id != first.id


@pytest.mark.parametrize("content", ["", "short", "ABCDEF0123456789", "0123456789abcdef0", "ü" * 16])
def test_a_damaged_id_still_gives_one_and_the_same(places: Places, content: str) -> None:
    places.make()
    (places.state / "audit-writer").write_text(content)
    first = this_controller(places)
    assert re.fullmatch("[0-9a-f]{16}", first.id)
    assert this_controller(places) == first


def test_without_a_place_to_keep_it_the_id_is_the_machine_s(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = Places(tmp_path, tmp_path / "file/state", tmp_path / "spool")
    assert this_controller(nowhere) == this_controller(nowhere)
    assert re.fullmatch("[0-9a-f]{16}", this_controller(nowhere).id)
