# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module ends, and which of its runs are recorded on the host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import AuditRecord, parse_line
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    EXIT_ROLLED_BACK,
    EXIT_USAGE,
    NotRolledBackError,
    RefusedError,
    RolledBackError,
    VsaError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import CHANGED, Result, Step
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded, exit_with

AUDIT_ID = "01936f00-0000-7000-8000-000000000000"
ACTOR = {"user": "root", "sudo_user": "ana", "controller": "ws"}
DONE = Result(changed=True, steps=(Step("timer", CHANGED, "twice a day"),))


class Module:
    """What the adapter uses of an AnsibleModule."""

    _name = "flowbiz.vsa.cert_timer"

    def __init__(self, *, check_mode: bool = False, **params: Any) -> None:
        self.params = {"audit_id": AUDIT_ID, "actor": ACTOR, "verb": None, **params}
        self.check_mode = check_mode
        self.ended: dict[str, Any] = {}

    def exit_json(self, **result: Any) -> None:
        self.ended = result

    def fail_json(self, **result: Any) -> None:
        self.ended = {"failed": True, **result}


@pytest.fixture
def trail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trail:
    places = Places(tmp_path / "log", tmp_path / "state", tmp_path / "spool")
    for name in ("of_host", "here"):
        monkeypatch.setattr(Places, name, lambda *_: places)
    return Trail(places)


def records(trail: Trail) -> list[AuditRecord]:
    return [parse_line(line) for _, _, line in trail.lines()]


def raising(error: VsaError) -> Callable[..., Result]:
    def call(*_: object) -> Result:
        raise error

    return call


def test_a_reading_module_ends_with_its_result_or_its_error(trail: Trail) -> None:
    module = Module()
    exit_with(module, lambda: Result(data={"sites": []}))  # type: ignore[arg-type]
    assert module.ended == {"changed": False, "schema": 1, "sites": []}
    exit_with(module, raising(RefusedError("no")))  # type: ignore[arg-type]
    assert (module.ended["failed"], module.ended["msg"]) == (True, "no")
    assert records(trail) == []


def test_a_change_is_recorded_for_who_started_the_run(trail: Trail) -> None:
    contexts: list[RunContext] = []

    def call(context: RunContext) -> Result:
        contexts.append(context)
        return DONE

    module = Module()
    exit_recorded(module, call, verb="cert.install-cron", target="a.example.com")  # type: ignore[arg-type]
    assert module.ended["changed"] is True
    assert contexts == [RunContext(AUDIT_ID, Actor("root", "ana", "ws"), "cert.install-cron")]
    (found,) = records(trail)
    assert (found.id, found.verb, found.target, found.status) == (AUDIT_ID, "cert.install-cron", "a.example.com", "ok")
    assert [(change.action, change.task) for change in found.changes] == [(Module._name, "timer: twice a day")]


def test_the_task_names_the_verb(trail: Trail) -> None:
    exit_recorded(Module(verb="cert.renew"), lambda _: DONE, verb="cert.issue")  # type: ignore[arg-type]
    assert [record.verb for record in records(trail)] == ["cert.renew"]


@pytest.mark.parametrize("error", [RolledBackError("no"), NotRolledBackError("no")])
def test_a_change_that_was_undone_or_could_not_be_is_recorded(trail: Trail, error: VsaError) -> None:
    module = Module()
    exit_recorded(module, raising(error), verb="v")  # type: ignore[arg-type]
    assert module.ended["vsa_exit"] == error.exit_code
    assert [record.error for record in records(trail)] == ["no"]


@pytest.mark.parametrize(
    ("check", "call"),
    [
        (False, lambda _: Result()),
        (True, lambda _: DONE),
        (False, raising(RefusedError("no"))),
        (True, raising(VsaError("no", exit_code=EXIT_ROLLED_BACK))),
    ],
    ids=["nothing changed", "check mode", "refused", "check mode fails"],
)
def test_what_did_not_touch_the_host_leaves_no_record(trail: Trail, check: bool, call: Callable[..., Result]) -> None:
    module = Module(check_mode=check)
    exit_recorded(module, call, verb="v")  # type: ignore[arg-type]
    assert module.ended
    assert records(trail) == []


def test_a_wrong_id_is_refused_before_anything_happens(trail: Trail) -> None:
    module = Module(audit_id="x")
    exit_recorded(module, raising(AssertionError()), verb="v")  # type: ignore[arg-type]
    assert (module.ended["vsa_exit"], module.ended["vsa_error"]["field"]) == (EXIT_USAGE, "audit_id")
    assert records(trail) == []


def test_a_refusal_after_a_step_that_changed_something_is_recorded(trail: Trail) -> None:
    error = RefusedError("NGINX refuses the site")
    error.steps = [
        {"name": "preflight", "state": "ok", "text": "web-1:3000 answers", "notes": []},
        {"name": "certificate", "state": "changed", "text": "issued by a CA", "notes": []},
    ]
    exit_recorded(Module(), raising(error), verb="site.provision", target="a.example.com")  # type: ignore[arg-type]
    (found,) = records(trail)
    assert (found.status, found.error) == ("refused", "NGINX refuses the site")
    assert [change.task for change in found.changes] == ["certificate: issued by a CA"]
    error.steps = error.steps[:1]
    exit_recorded(Module(), raising(error), verb="site.provision")  # type: ignore[arg-type]
    assert len(records(trail)) == 1
