"""Recorded events (tests/record.py made them) fold into these reports."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from vsa.ansible.events import Fold, HostEnded, StepsDone, TaskStarted
from vsa.ansible.report import Report

EVENTS = Path(__file__).parents[1] / "data/events"


def folded(
    name: str, *, check: bool = False, interrupted: bool = False, upto: int | None = None
) -> tuple[Report, list]:
    recorded = json.loads((EVENTS / f"{name}.json").read_text())
    clock = itertools.count()
    fold = Fold(check=check, clock=lambda: float(next(clock)))
    seen = [happening for event in recorded["events"][:upto] for happening in fold.feed(event)]
    return fold.finish(recorded["code"], interrupted=interrupted), seen


def facts(report: Report) -> dict[str, Any]:
    return {
        "exit": report.exit_code,
        "error": report.error and report.error["message"],
        "hosts": {
            name: (host.status, host.changed, [f"{step['name']} {step['state']}" for step in host.steps])
            for name, host in report.hosts.items()
        },
    }


STEPS = ["preflight ok", "proxy changed"]
REPORTS = {
    "provisioned": {"exit": 0, "error": None, "hosts": {"vps-01": ("ok", True, STEPS)}},
    "refused": {"exit": 3, "error": None, "hosts": {"vps-01": ("refused", False, [])}},
    "rolled-back": {"exit": 4, "error": None, "hosts": {"vps-01": ("failed", False, ["preflight ok"])}},
    "crashed": {"exit": 1, "error": None, "hosts": {"vps-01": ("internal_error", False, [])}},
    "hollow": {"exit": 1, "error": None, "hosts": {"vps-01": ("internal_error", False, [])}},
    "plain-failure": {"exit": 4, "error": None, "hosts": {"vps-01": ("failed", False, [])}},
    "plain-refusal": {"exit": 3, "error": None, "hosts": {"vps-01": ("refused", False, [])}},
    "rescued": {"exit": 0, "error": None, "hosts": {"vps-01": ("ok", True, STEPS)}},
    "no-hosts": {
        "exit": 2,
        "error": "the inventory has no hosts; expected: a host in the inventory (-i); nothing was changed",
        "hosts": {},
    },
    "fleet": {
        "exit": 5,
        "error": None,
        "hosts": {
            "vps-01": ("ok", True, ["packages changed", "network ok", "settings warning"]),
            "vps-02": ("unreachable", False, []),
        },
    },
    "not-a-play": {
        "exit": 1,
        "error": "Ansible could not run this: 'no_such_keyword' is not a valid attribute for a Play",
        "hosts": {},
    },
    "matches-nothing": {"exit": 2, "error": "no host matches", "hosts": {}},
    "no-playbook": {
        "exit": 1,
        "error": "Ansible could not run this: the playbook: flowbiz.vsa.vhost.history could not be found",
        "hosts": {},
    },
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_recording_folds_into_this_report(name: str) -> None:
    report, _ = folded(name)
    assert facts(report) == REPORTS[name]


def test_check_mode_says_what_would_change() -> None:
    report, _ = folded("would-provision", check=True)
    assert [step["state"] for step in report.hosts["vps-01"].steps] == ["ok", "would_change"]
    assert report.changed


def test_the_payload_is_the_result_without_what_ansible_adds() -> None:
    report, _ = folded("provisioned")
    assert set(report.hosts["vps-01"].payload) == {"base", "generation", "told", "sites", "undo", "undo_hint"}
    assert report.hosts["vps-01"].diffs[0]["prepared"].startswith("--- a/site.conf")


def test_steps_and_diffs_are_seen_as_the_module_returns() -> None:
    _, seen = folded("provisioned")
    steps = [happening for happening in seen if isinstance(happening, StepsDone)]
    assert [(entry.host, len(entry.steps), len(entry.diffs)) for entry in steps] == [("vps-01", 2, 1)]


def test_tasks_are_seen_as_they_begin() -> None:
    _, seen = folded("fleet")
    tasks = [(entry.host, entry.task) for entry in seen if isinstance(entry, TaskStarted)]
    assert tasks[0] == ("vps-01", "Install the libraries")
    assert any(isinstance(entry, HostEnded) and entry.host == "vps-02" for entry in seen)


def test_a_warning_is_a_step_with_its_further_lines() -> None:
    report, _ = folded("fleet")
    assert report.hosts["vps-01"].steps[-1] == {
        "name": "settings",
        "state": "warning",
        "text": "no email is set",
        "notes": ["the authority cannot say what goes wrong"],
    }


def of_task(name: str, action: str, **result: object) -> dict[str, object]:
    data = {"host": "vps-01", "task": name, "task_action": action, "res": result}
    return {"event": "runner_on_ok", "event_data": data}


def test_the_look_of_bootstrap_is_steps_in_their_order_and_no_payload() -> None:
    fold = Fold()
    step = {"name": "packages", "state": "ok", "text": "as it should be", "notes": []}
    events = [
        of_task("Python | Install Python", "ansible.builtin.raw", changed=True),
        of_task(
            "Look", "flowbiz.vsa.bootstrap_info", changed=False, schema=1, steps=[step], bootstrap={"packages": []}
        ),
        of_task("Settings | Write vsa.yml", "ansible.builtin.copy", changed=True),
    ]
    for event in events:
        list(fold.feed(event))
    host = fold.finish(0).hosts["vps-01"]
    assert [(entry["name"], entry["state"]) for entry in host.steps] == [
        ("python", "changed"),
        ("packages", "ok"),
        ("settings", "changed"),
    ]
    assert host.payload == {}


def test_an_interrupted_run_says_so_whatever_came_before() -> None:
    report, _ = folded("provisioned", interrupted=True, upto=6)
    assert (report.exit_code, report.error and report.error["message"]) == (130, "interrupted")


def test_an_interrupted_stack_down_points_to_the_stack() -> None:
    report = Fold(verb="stack.down").finish(None, interrupted=True)
    assert report.error is not None
    assert report.error["try"].startswith("vsa stack ps shows what runs")


def refused_after_a_change(*, check: bool) -> Report:
    fold = Fold(check=check)
    refused = {"schema": 1, "vsa_exit": 3, "vsa_error": {"message": "no address", "state": "nothing was changed"}}
    failed = {**of_task("Provision", "flowbiz.vsa.site", failed=True, **refused), "event": "runner_on_failed"}
    for event in (of_task("Write the folder", "flowbiz.vsa.stack", schema=1, changed=True), failed):
        list(fold.feed(event))
    return fold.finish(2)


def test_finding_3_a_refusal_after_a_change_is_no_refusal_of_the_run() -> None:
    report = refused_after_a_change(check=False)
    error = report.hosts["vps-01"].error
    assert error is not None
    assert error["state"] == "what was done before stays; the same again goes on from there"
    assert report.exit_code == 6


def test_finding_3_a_check_that_is_refused_changed_nothing() -> None:
    report = refused_after_a_change(check=True)
    error = report.hosts["vps-01"].error
    assert error is not None
    assert (error["state"], report.exit_code) == ("nothing was changed", 3)


def test_a_run_that_ends_without_its_statistics_does_not_end_well() -> None:
    recorded = json.loads((EVENTS / "provisioned.json").read_text())
    fold = Fold()
    for event in recorded["events"][:5]:
        list(fold.feed(event))
    assert fold.finish(250).exit_code == 1


def test_a_host_takes_from_its_first_task_to_its_last_result() -> None:
    report, _ = folded("fleet")
    assert report.hosts["vps-01"].seconds > report.hosts["vps-02"].seconds > 0


def of_place(host: str, kind: str, **result: object) -> dict[str, object]:
    data = {"host": host, "task": "Provision the site", "resolved_action": "flowbiz.vsa.site", "res": result}
    return {"event": f"runner_on_{kind}", "event_data": data}


def test_a_host_that_does_not_have_the_domain_is_not_in_the_report() -> None:
    fold = Fold()
    list(fold.feed(of_place("vps-01", "ok", schema=1, place={"site": False})))
    list(fold.feed(of_place("vps-02", "ok", schema=1, place={"site": True})))
    # ansible-runner hands over no result of a task that was skipped.
    list(fold.feed(of_place("vps-01", "skipped")))
    list(fold.feed(of_place("vps-02", "ok", schema=1, changed=True, steps=[])))
    report = fold.finish(0)
    assert list(report.hosts) == ["vps-02"]
    assert report.changed


def test_the_refusal_to_choose_a_host_is_the_runs_own() -> None:
    fold = Fold()
    error = {"message": "a.example is on several hosts", "state": "nothing was changed"}
    refused = {"schema": 1, "vsa_of_run": True, "vsa_exit": 2, "vsa_error": error}
    for host in ("vps-01", "vps-02"):
        list(fold.feed(of_place(host, "ok", schema=1, place={"site": True})))
    list(fold.feed(of_place("vps-01", "failed", **refused)))
    list(fold.feed(of_place("vps-02", "skipped")))
    report = fold.finish(2)
    assert (report.hosts, report.error, report.exit_code) == ({}, error, 2)


def test_finding_18_a_step_is_shown_before_the_next_one_begins() -> None:
    # Finding 18: "Install it, and Compose … ✔ packages" in a log without a terminal.
    _, seen = folded("fleet")
    order = [
        happening.task if isinstance(happening, TaskStarted) else happening.steps[0]["name"]
        for happening in seen
        if isinstance(happening, TaskStarted | StepsDone) and happening.host == "vps-01"
    ]
    assert order.index("packages") < order.index("Make the edge network")
