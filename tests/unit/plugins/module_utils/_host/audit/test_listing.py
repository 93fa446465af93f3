# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The own trail of a host, as an operator elsewhere reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import GenerationChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import Controller
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.listing import (
    RunsRequest,
    list_runs,
    show_run,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail

from audit_records import audit_id, record


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Return the trail of a host that two controllers have changed five times."""
    made = Places(tmp_path / "log", tmp_path / "state", tmp_path / "spool")
    trail = Trail(made)
    for number in range(5):
        generation = GenerationChange(number, number + 1, changed=(f"s{number}.example",), diffs={})
        trail.append(
            record(
                number,
                kind="change",
                status="failed" if number == 3 else "ok",
                target=None,
                verb="vhost.sync",
                controller=Controller(f"ws-{number % 2}", "0" * 16),
                generations=(generation,),
            )
        )
    return made


def listed(places: Places, **wanted: Any) -> list[str]:
    return [run["sites"][0] for run in list_runs(RunsRequest(**wanted), places).data["runs"]]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"last": 2}, [3, 4]),
        ({"target": "s2.example"}, [2]),
        ({"status": ("failed",)}, [3]),
        ({"changes": True, "verb": "vhost", "since": "2026-11-24"}, [3]),
        ({"verb": "site"}, []),
    ],
)
def test_what_is_asked_for(places: Places, wanted: dict[str, Any], found: list[int]) -> None:
    assert listed(places, **wanted) == [f"s{number}.example" for number in found]


def test_a_list_says_who_did_it_and_whether_there_is_more(places: Places) -> None:
    data = list_runs(RunsRequest(last=2), places).data
    assert data["earlier"] is True
    assert [run["actor"] for run in data["runs"]] == ["ops@ws-1", "ops@ws-0"]
    assert list_runs(RunsRequest(last=5), places).data["earlier"] is False
    json.dumps(data)


@pytest.mark.parametrize("wanted", [{"status": ("fine",)}, {"last": 0}, {"last": 1001}, {"since": "soon"}])
def test_words_that_make_no_sense(places: Places, wanted: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        list_runs(RunsRequest(**wanted), places)


def test_the_records_of_one_run(places: Places) -> None:
    data = show_run(audit_id(2), places).data
    assert [found["generations"][0]["changed"] for found in data["records"]] == [["s2.example"]]
    assert data["records"][0]["hash"] != ""
    assert data["left_out"] == 0


@pytest.mark.parametrize("start", ["ffff", audit_id(0)[:8]])
def test_no_run_or_several_begin_so(places: Places, start: str) -> None:
    with pytest.raises(RefusedError):
        show_run(start, places)


def test_a_result_is_bounded(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    trail = Trail(places)
    for number in range(3):
        domains = tuple(f"s{each}.example" for each in range(300))
        generation = GenerationChange(number, number + 1, changed=domains)
        trail.append(record(9, kind="change", generations=(generation,)))
    assert len(list_runs(RunsRequest(last=1), places).data["runs"][0]["sites"]) == 100
    monkeypatch.setattr(f"{list_runs.__module__}._MOST_BYTES", 10_000)
    data = show_run(audit_id(9), places).data
    assert (len(data["records"]), data["left_out"]) == (1, 2)


def test_a_trail_on_a_disk_that_cannot_be_written(places: Places) -> None:
    places.state.rename(places.state.with_name("before"))
    places.state.write_text("not a directory")
    assert listed(places, last=1) == ["s4.example"]


def test_no_trail_yet(tmp_path: Path) -> None:
    nothing = Places(tmp_path / "log", tmp_path / "state", tmp_path / "spool")
    assert list_runs(RunsRequest(), nothing).data == {"runs": [], "earlier": False}
