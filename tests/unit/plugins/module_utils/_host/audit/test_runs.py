# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of a run under way: what it says, and how to tell whether the run is dead."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import GenerationChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import TaskChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit import runs
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.runs import OpenRun

from audit_records import record

CHANGE = TaskChange("vps-01", "Write it", "copy", "+x")
SITES = GenerationChange(1, 2, host="vps-01", added=("a.example",), diffs={"a.example": "+x"})


def written(path: Path) -> OpenRun:
    found = runs.read(path)
    assert found is not None
    return found


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = runs.create(tmp_path / "runs", record(1))
    assert path == tmp_path / f"runs/{record(1).id}.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    fresh = written(path)
    assert (fresh.record, fresh.hosts, fresh.changes) == (record(1), (), ())
    assert (fresh.started, fresh.closing, fresh.dead) == (False, False, False)
    runs.add_event(path, {"started": True})
    for hosts in (["vps-01", "vps-02"], ["vps-02", "vps-03"]):
        runs.add_event(path, {"hosts": hosts})
    runs.add_event(path, runs.as_event(CHANGE))
    runs.add_event(path, runs.as_event(SITES))
    found = written(path)
    assert (found.started, found.hosts, found.changes) == (True, ("vps-01", "vps-02", "vps-03"), (CHANGE,))
    assert runs.progress(found) == {"hosts": found.hosts, "changes": (CHANGE,), "generations": (SITES,)}


def test_one_id_has_one_file(tmp_path: Path) -> None:
    path = runs.create(tmp_path, record(1))
    with pytest.raises(FileExistsError):
        runs.create(tmp_path, record(1))
    assert written(path).record == record(1), "the first one's file stays"


def test_a_closed_run_is_told_nothing_more(tmp_path: Path) -> None:
    path = runs.create(tmp_path, record(1))
    path.unlink()
    with pytest.raises(FileNotFoundError):
        runs.add_event(path, {"hosts": ["x"]})
    assert runs.read(path) is None


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(PermissionError):
        runs.create(tmp_path / "link", record(1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json\n",
        '{"record": {"id": "x"}}\n{"process": {"pid": 1}}\n',
        json.dumps({"record": record(1).as_dict()}) + "\n",
        "[1]\n5\n",
    ],
    ids=["empty", "no JSON", "no record", "no process", "no mapping"],
)
def test_a_file_that_is_not_whole_is_no_run(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    assert runs.read(path) is None


def test_a_torn_line_loses_itself_alone(tmp_path: Path) -> None:
    path = runs.create(tmp_path, record(1))
    runs.add_event(path, {"hosts": ["vps-01"]})
    with path.open("a") as stream:
        stream.write('{"hosts": ["vps-')
    assert written(path).hosts == ("vps-01",)


def test_the_runs_of_all_folders_are_listed_and_half_made_files_go(tmp_path: Path) -> None:
    disk, spool = tmp_path / "disk", tmp_path / "spool"
    runs.create(disk, record(1))
    runs.create(spool, record(2))
    (disk / "notes.txt").write_text("x")
    young, old = disk / "young.jsonl", disk / "old.jsonl"
    for path in (young, old):
        path.write_text("")
    os.utime(old, (1, 1))
    found = list(runs.open_runs((disk, spool, tmp_path / "missing")))
    assert [run.record.id for run in found] == [record(1).id, record(2).id]
    assert young.exists(), "it may be in the making"
    assert not old.exists()


def test_a_run_lives_while_one_of_its_processes_does(tmp_path: Path) -> None:
    path = runs.create(tmp_path, record(1))
    code = "import sys; sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    me = written(path).processes[0]
    gone = {**me, "pid": other.pid, "start": runs._start_of(other.pid)}
    alone = dataclasses.replace(written(path), processes=(gone,))
    assert not alone.dead
    other.communicate()
    assert alone.dead
    assert not dataclasses.replace(alone, processes=(gone, me)).dead


@pytest.mark.parametrize(
    ("changed", "dead"),
    [
        ({}, False),
        ({"start": "1"}, True),
        ({"boot": "another"}, True),
        ({"pid": "no number"}, True),
        # Another machine with the same home, or another container: trusted for a day.
        ({"boot": "another", "machine": "elsewhere"}, False),
        ({"space": "pid:[1]"}, False),
        # A process whose start could not be read is looked for by its number alone.
        ({"start": None}, False),
        ({"start": None, "pid": 2**22 + 1}, True),
    ],
)
def test_whether_a_process_is_alive(tmp_path: Path, changed: dict[str, Any], dead: bool) -> None:
    run = written(runs.create(tmp_path, record(1)))
    assert dataclasses.replace(run, processes=({**run.processes[0], **changed},)).dead == dead


@pytest.mark.parametrize("changed", [{"boot": "another", "machine": "elsewhere"}, {"space": "pid:[1]"}])
def test_a_process_that_is_out_of_sight_is_dead_after_a_day(tmp_path: Path, changed: dict[str, Any]) -> None:
    run = written(runs.create(tmp_path, record(1)))
    hidden = dataclasses.replace(run, processes=({**run.processes[0], **changed},))
    yesterday = time.time() - 86_500
    os.utime(run.path, (yesterday, yesterday))
    assert hidden.dead
