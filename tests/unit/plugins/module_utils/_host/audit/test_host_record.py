# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record that a change leaves on the host: what is in it, what is masked, and when there is none."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import GenerationChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    AuditRecord,
    RecordedActor,
    TaskChange,
    parse_line,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    NotRolledBackError,
    RolledBackError,
    VsaError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import CHANGED, OK, WARNING, Result, Step
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.host_record import record_change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail

from audit_records import audit_id, record

HOST = socket.gethostname()
CONTEXT = RunContext(audit_id=audit_id(1), actor=Actor("root", "ana", "ws"), verb="site.provision")


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    return Trail(Places(tmp_path / "log", tmp_path / "state", tmp_path / "spool"))


def recorded(trail: Trail, **named: Any) -> AuditRecord:
    said: dict[str, Any] = {"context": CONTEXT, "action": "flowbiz.vsa.vhost", "target": "a.example.com", "took": 1.5}
    record_change(**{**said, "places": trail.places, **named})
    (line,) = [line for _, _, line in trail.lines()]
    return parse_line(line)


def test_a_change_with_its_steps_and_numbers(trail: Trail) -> None:
    result = Result(
        changed=True,
        steps=(
            Step("preflight", OK, "passed"),
            Step("certificate", WARNING, "expires soon"),
            Step("proxy", CHANGED, "generation 6 → 7", ("a note",)),
        ),
        data={"generation": 7, "base": 6, "invalid": ["x"], "plan": "abc"},
        diff="--- a\n+++ b\n+listen 443\n",
    )
    found = recorded(trail, result=result)
    assert (found.id, found.kind, found.status, found.verb) == (audit_id(1), "change", "ok", "site.provision")
    assert found.actor == RecordedActor("root", "ana")
    assert (found.controller.name, found.hosts, found.target) == ("ws", (HOST,), "a.example.com")
    assert found.arguments == {"generation": 7, "base": 6}
    assert found.changes == (
        TaskChange(HOST, "certificate: expires soon", "flowbiz.vsa.vhost", "--- a\n+++ b\n+listen 443"),
        TaskChange(HOST, "proxy: generation 6 → 7", "flowbiz.vsa.vhost"),
    )
    assert (found.duration, found.error) == (1.5, None)


@pytest.mark.parametrize(
    ("error", "status"),
    [(RolledBackError("nginx says no"), "failed"), (NotRolledBackError("nginx says no"), "not_put_back")],
)
def test_a_change_that_did_not_last(trail: Trail, error: VsaError, status: str) -> None:
    found = recorded(trail, error=error)
    assert (found.status, found.error, found.changes) == (status, "nginx says no", ())


def test_the_sites_of_a_change_with_the_host_s_name(trail: Trail) -> None:
    context = RunContext(audit_id(4), Actor("root"), "vhost.rollback")
    context.generations.append(GenerationChange(11, 12, removed=("bob.example",), diffs={"bob.example": "-x"}))
    result = Result(changed=True, steps=(Step("proxy", CHANGED, "generation 11 → 12"),), diff="-x")
    found = recorded(trail, context=context, target=None, result=result)
    (change,) = found.generations
    assert (change.host, change.before, change.after, change.removed) == (HOST, 11, 12, ("bob.example",))
    assert change.diffs == {"bob.example": "-x"}
    assert found.changes[0].diff is None, "the diff is in the record once"


def test_a_run_by_nobody_known_is_this_machine_s(trail: Trail) -> None:
    context = RunContext(audit_id=audit_id(2), actor=Actor(), verb="vhost.sync")
    found = recorded(trail, context=context, target=None)
    assert (found.actor.user, found.controller.name, found.target) == ("unknown", HOST, None)


def test_no_text_holds_a_secret(trail: Trail) -> None:
    secret = "password=hunter2hunter2"
    context = RunContext(audit_id=audit_id(3), actor=Actor(secret, secret, secret), verb="v")
    result = Result(changed=True, steps=(Step("proxy", CHANGED, secret),), diff=f"+{secret}\n")
    recorded(trail, context=context, target=secret, result=result, error=RolledBackError(secret))
    assert b"hunter2" not in trail.places.log.read_bytes()


def test_a_run_that_this_trail_records_already_leaves_no_second_record(trail: Trail) -> None:
    run = trail.register(record(1))
    record_change(CONTEXT, action="x", target=None, took=0.1, places=trail.places)
    assert not list(trail.lines())
    run.close("ok")


def test_a_trail_that_cannot_be_written_fails_no_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere = Places(tmp_path / "file/log", tmp_path / "file/state", tmp_path / "file/spool")
    record_change(CONTEXT, action="x", target=None, took=0.1, places=nowhere)
