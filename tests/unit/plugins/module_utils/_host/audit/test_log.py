# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a trail: chained lines, rotation, repair, and the lock. Full disks are in test_trail.py."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import parse_line
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.log import TrailLog
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places

from audit_records import audit_id, record


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "log", tmp_path / "state", tmp_path / "spool")


def ids(log: TrailLog) -> list[str]:
    return [parse_line(line).id for _, _, line in log.lines()]


def test_records_are_chained_over_several_calls(places: Places) -> None:
    log = TrailLog(places)
    assert log.append([record(1), record(2)], durable=True) == 2
    assert log.append([record(3)], durable=False) == 1
    assert ids(log) == [audit_id(1), audit_id(2), audit_id(3)]
    assert verify(log.lines()).problems == []
    assert [(file, number) for file, number, _ in log.lines()] == [("audit.jsonl", n) for n in (1, 2, 3)]


def test_a_full_file_is_rotated_and_the_chain_goes_on(places: Places) -> None:
    log = TrailLog(places, rotate_at=1)
    for number in range(3):
        log.append([record(number)], durable=False)
    assert [file.name for file in places.files()] == ["audit.jsonl.1", "audit.jsonl.2", "audit.jsonl"]
    assert ids(log) == [audit_id(0), audit_id(1), audit_id(2)]
    assert verify(log.lines()).problems == []


@pytest.mark.parametrize("torn", [b'{"prev_hash":"', b"x" * 1_000_000])
def test_a_torn_line_is_cut_away(places: Places, torn: bytes) -> None:
    log = TrailLog(places)
    log.append([record(1)], durable=False)
    with places.log.open("ab") as stream:
        stream.write(torn)
    log.append([record(2)], durable=False)
    assert ids(log) == [audit_id(1), audit_id(2)]
    assert verify(log.lines()).problems == []


def test_a_torn_first_line_after_a_rotation(places: Places) -> None:
    log = TrailLog(places)
    log.append([record(1)], durable=False)
    places.log.rename(places.folder / "audit.jsonl.1")
    places.log.write_bytes(b"torn")
    log.append([record(2)], durable=False)
    assert verify(log.lines()).problems == []


def test_the_kinds_of_a_run_are_those_of_its_own_records(places: Places) -> None:
    log = TrailLog(places, rotate_at=1)
    for made in (record(1), record(2), record(1, kind="finished")):
        log.append([made], durable=False)
    assert log.kinds(audit_id(1)) == {"started", "finished"}
    assert log.kinds(audit_id(2)) == {"started"}
    assert log.kinds(audit_id(3)) == set()


def test_a_place_that_cannot_be_made_takes_no_record(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    log = TrailLog(Places(tmp_path / "file/log", tmp_path / "file/state", tmp_path / "spool"))
    assert log.append([record(1)], durable=True) == 0
    assert list(log.lines()) == []
    with log.locked() as locked:
        assert not locked


def test_the_lock_is_waited_for_at_most_a_second(places: Places) -> None:
    log = TrailLog(places)
    with log.locked() as locked:
        assert locked
    holder = os.open(places.lock, os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    began = time.monotonic()
    with log.locked() as locked:
        assert not locked
    assert 0.9 < time.monotonic() - began < 5
    os.close(holder)


def test_space_is_reserved_once(places: Places) -> None:
    log = TrailLog(places)
    places.make()
    log.reserve_space()
    assert places.reserve.stat().st_size == 64 * 1024
    before = places.reserve.stat().st_ino
    log.reserve_space()
    assert places.reserve.stat().st_ino == before
