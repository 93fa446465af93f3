"""The state of a host from its findings, and one line for what could not be checked."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.finding import DOWN, NOT_CHECKED, WARNING, Finding
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.host.report import condensed, not_checked, state_of

A = Finding("disk-full", WARNING, "/", "91 % of the space is used")
B = Finding("proxy-stopped", DOWN, "vsa-nginx", "it does not run", "start it")


def test_the_state_is_the_worst_level() -> None:
    assert state_of([]) == "ok"
    assert state_of([not_checked("disk", "x")]) == NOT_CHECKED
    assert state_of([not_checked("disk", "x"), A]) == WARNING
    assert state_of([A, B]) == DOWN


def test_the_same_reason_is_said_once() -> None:
    silent = [not_checked(check, "Docker does not answer") for check in ("networks", "sites")]
    found = condensed([not_checked("timers", "no systemd"), A, *silent, B, A])
    assert found == [
        B,
        A,
        not_checked("networks, sites", "Docker does not answer"),
        not_checked("timers", "no systemd"),
    ]


def test_what_is_the_same_for_many_subjects_is_said_once() -> None:
    sites = [Finding("site-unreachable", DOWN, f"{number}.example", "no answer") for number in range(8)]
    (found,) = condensed(sites)
    assert found.subject == "0.example, 1.example, 2.example, 3.example, 4.example and 3 more"
    assert (found.level, found.text) == (DOWN, "no answer")
