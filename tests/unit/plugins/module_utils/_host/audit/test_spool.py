# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records that wait on a tmpfs: kept once, returned in their order, and never those of another user."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit import spool

from audit_records import audit_id, record


def test_records_come_back_in_the_order_of_their_time(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    for number in (3, 1, 2):
        spool.keep(folder, record(number))
    assert [found for _, found in spool.waiting(folder)] == [record(1), record(2), record(3)]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path, _ in spool.waiting(folder)} == {0o600}


def test_a_run_s_record_waits_once_and_a_host_s_changes_all_wait(tmp_path: Path) -> None:
    for _ in range(2):
        spool.keep(tmp_path, record(1))
        spool.keep(tmp_path, record(2, kind="change"))
    assert [found.kind for _, found in spool.waiting(tmp_path)] == ["started", "change", "change"]


def test_the_kinds_of_a_run_that_wait(tmp_path: Path) -> None:
    assert spool.waiting_kinds(tmp_path / "missing", audit_id(1)) == set()
    spool.keep(tmp_path, record(1))
    spool.keep(tmp_path, record(1, kind="finished"))
    spool.keep(tmp_path, record(2))
    assert spool.waiting_kinds(tmp_path, audit_id(1)) == {"started", "finished"}


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"id": "x"}'])
def test_what_is_no_record_does_not_wait(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.started.json").write_text(text)
    (tmp_path / "runs").mkdir()
    assert spool.waiting(tmp_path) == []


def test_a_folder_of_somebody_else_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(PermissionError):
        spool.keep(tmp_path / "link", record(1))
    assert list((tmp_path / "real").iterdir()) == []
