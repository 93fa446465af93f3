# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs and records as lines: the same words at both doors."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import GenerationChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import TaskChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.shown import (
    acted_on,
    generation_lines,
    run_state,
    run_time,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.plain import as_lines

from audit_records import audit_id, record

RUN = {
    "id": audit_id(1),
    "time": "2026-11-24T10:00:01.000000Z",
    "apart": False,
    "verb": "vhost.rollback",
    "target": None,
    "sites": ["a.example", "b.example", "c.example"],
    "status": "ok",
    "changed": True,
    "check": False,
    "actor": "ana@ws",
}


def test_a_list_names_the_sites_of_a_run_without_a_target() -> None:
    title, line = as_lines({"runs": [RUN]}, verb="audit.list")
    assert title.split() == ["TIME", "(UTC)", "ID", "VERB", "TARGET", "STATUS", "BY"]
    assert line.split("  ") == [
        "2026-11-24 10:00:01",
        audit_id(1),
        "vhost.rollback",
        "a.example, b.example +1",
        "changed",
        "ana@ws",
    ]
    assert as_lines({"runs": []}, verb="audit.list") == ["no runs"]


@pytest.mark.parametrize(
    ("run", "shown"),
    [
        ({"target": "x", "sites": ["a"]}, "x"),
        ({"target": None, "sites": ["a", "b"]}, "a, b"),
        ({"target": None, "sites": []}, None),
    ],
)
def test_what_a_run_acted_on(run: dict[str, Any], shown: str | None) -> None:
    assert acted_on(run) == shown


def test_a_time_that_cannot_be_right_is_marked() -> None:
    assert run_time({**RUN, "apart": True}) == "2026-11-24 10:00:01?"
    assert run_state({**RUN, "status": "started"}) == "under way"
    assert run_state({**RUN, "status": "not_put_back"}) == "not put back"


def test_the_records_of_a_run() -> None:
    generation = GenerationChange(
        11,
        12,
        host="vps-01",
        changed=("a.example",),
        removed=("b.example",),
        diffs={"a.example": "-x\n+y", "proxy": "-p"},
        cut_diffs=1,
    )
    found = record(
        1,
        kind="change",
        status="ok",
        target=None,
        changes=(TaskChange("vps-01", "proxy: generation 11 → 12", "flowbiz.vsa.vhost"),),
        generations=(generation,),
    )
    lines = as_lines({"records": [found.as_dict()]}, verb="audit.show")
    assert lines[-9:] == [
        "by          ops@ws",
        "changed     vps-01: proxy: generation 11 → 12",
        "site        vps-01: a.example changed, generation 11 → 12",
        "              -x",
        "              +y",
        "site        vps-01: b.example removed, generation 11 → 12",
        "proxy       vps-01: its own files, generation 11 → 12",
        "              -p",
        "              … left out, for the size of the record: 1 diffs",
    ]


def test_what_did_not_last_and_what_another_run_began() -> None:
    change = GenerationChange(3, 4, added=("a.example",), outcome="put_back", run=audit_id(7)).as_dict()
    words = f"begun by the run {audit_id(7)}, which was killed, rolled back"
    assert generation_lines(change) == [f"site        a.example added, generation 3 → 4, {words}"]
    stays = GenerationChange(4, 4, changed=("a.example",)).as_dict()
    assert generation_lines(stays) == ["site        a.example changed, generation 4 stays"]
