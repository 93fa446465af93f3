# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module ends, and which of its runs are recorded on the host."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import GenerationChange
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import AuditRecord, parse_line
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    EXIT_NOT_ROLLED_BACK,
    EXIT_REFUSED,
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


def raising(error: Exception) -> Callable[..., Result]:
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
    # Finding 3: a refusal at the second step does not deny the first one.
    assert error.state == "what was done before stays; the same verb again goes on from there"
    error.steps = error.steps[:1]
    exit_recorded(Module(), raising(error), verb="site.provision")  # type: ignore[arg-type]
    assert len(records(trail)) == 1


FULL = OSError(errno.ENOSPC, "No space left on device", "/etc/vsa/certs/.a.yml.x")


@pytest.mark.parametrize(("check", "code"), [(False, EXIT_NOT_ROLLED_BACK), (True, EXIT_REFUSED)])
def test_finding_12_a_disk_that_fails_is_no_fault_of_ours(trail: Trail, check: bool, code: int) -> None:
    module = Module(check_mode=check)
    exit_recorded(module, raising(FULL), verb="v")  # type: ignore[arg-type]
    assert module.ended["vsa_exit"] == code
    assert module.ended["vsa_error"]["value"] == FULL.filename
    assert "free space and inodes (df -h, df -i) for /etc/vsa/certs" in module.ended["vsa_error"]["try"]
    assert len(records(trail)) == (0 if check else 1)


def test_finding_12_a_reading_verb_is_refused(trail: Trail) -> None:
    module = Module()
    exit_with(module, raising(FULL))  # type: ignore[arg-type]
    assert (module.ended["vsa_exit"], module.ended["failed"]) == (EXIT_REFUSED, True)


@pytest.mark.parametrize("error", [ConnectionResetError("x"), TimeoutError("x"), ValueError("x")])
def test_any_other_error_is_our_own(trail: Trail, error: Exception) -> None:
    with pytest.raises(type(error)):
        exit_recorded(Module(), raising(error), verb="v")  # type: ignore[arg-type]


SITES = GenerationChange(3, 4, changed=("a.example",), diffs={"a.example": "-on\n+off"})


def noting(end: Callable[..., Result]) -> Callable[[RunContext], Result]:
    """Return a verb that notes a site and then ends."""

    def call(context: RunContext) -> Result:
        context.generations.append(SITES)
        return end(context)

    return call


@pytest.mark.parametrize(
    "end",
    [
        lambda _: DONE,
        lambda _: Result(),
        raising(RolledBackError("no")),
        raising(RefusedError("no")),
    ],
    ids=["changed", "ended what a killed run began", "rolled back", "refused after a change"],
)
def test_the_sites_of_a_change_are_in_the_record_and_in_the_result(trail: Trail, end: Callable[..., Result]) -> None:
    module = Module()
    exit_recorded(module, noting(end), verb="vhost.sync")  # type: ignore[arg-type]
    assert module.ended["generation_changes"] == [SITES.as_dict()]
    (found,) = records(trail)
    assert found.sites == ("a.example",)
    assert found.generations[0].diffs == SITES.diffs
