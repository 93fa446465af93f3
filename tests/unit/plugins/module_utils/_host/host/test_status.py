"""All checks run at the same time, and what was not seen is never taken for fine."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.finding import WARNING, Finding
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.host.checks import CHECKS, Check
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.host.look import Look
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.host.status import (
    StatusRequest,
    run_checks,
    show_status,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import documents

from hosttree import HostTree

FOUND = Finding("disk-full", WARNING, "/", "91 % of the space is used")


@pytest.fixture(autouse=True)
def _forget() -> None:
    """Forget the damaged files that other tests of this process met."""
    documents.notes()


def refuses(_look: Look) -> list[Finding]:
    raise RefusedError("the Docker engine of this host does not answer")


def breaks(_look: Look) -> list[Finding]:
    raise KeyError("State")


def test_a_check_that_fails_is_not_checked(tmp_path: Path) -> None:
    checks = [Check("disk", lambda _look: [FOUND]), Check("sites", refuses), Check("networks", breaks)]
    found = run_checks(checks, Look(HostTree(tmp_path).paths), seconds=5)
    assert found[0] == FOUND
    assert [(finding.name, finding.level, finding.subject) for finding in found[1:]] == [
        ("not-checked", "not checked", "sites"),
        ("not-checked", "not checked", "networks"),
    ]
    assert found[1].text == "the Docker engine of this host does not answer"
    assert found[2].text == "the check itself failed: KeyError: 'State'"


def test_a_check_that_hangs_does_not_hold_the_others(tmp_path: Path) -> None:
    release = threading.Event()

    def hangs(_look: Look) -> list[Finding]:
        release.wait(10)
        return []

    began = time.monotonic()
    checks = [Check("sites", hangs), Check("disk", lambda _look: [FOUND])]
    found = run_checks(checks, Look(HostTree(tmp_path).paths), seconds=0.2)
    release.set()
    assert time.monotonic() - began < 5
    assert [finding.text for finding in found] == ["it did not end within 0 s", FOUND.text]


def test_the_result(tmp_path: Path) -> None:
    checks = [Check("disk", lambda _look: [FOUND]), Check("Docker", lambda _look: [])]
    data = show_status(StatusRequest(), paths=HostTree(tmp_path).paths, checks=checks).data
    assert data["state"] == "warning"
    assert data["checks"] == ["disk", "Docker"]
    assert data["findings"] == [
        {"name": "disk-full", "level": "warning", "subject": "/", "text": FOUND.text, "remedy": ""}
    ]


def test_a_damaged_file_that_a_check_met_is_named(tmp_path: Path) -> None:
    place = tmp_path / "dns.json"
    place.write_text("{")

    def reads(_look: Look) -> list[Finding]:
        assert documents.read_document(place, dict) is None
        return []

    data = show_status(StatusRequest(), paths=HostTree(tmp_path).paths, checks=[Check("names", reads)]).data
    (found,) = data["findings"]
    assert (found["name"], found["subject"]) == ("file-damaged", str(place))
    assert found["text"] == "this file is damaged: it is not JSON"


def test_names_of_checks_are_different() -> None:
    names = [check.name for check in CHECKS]
    assert len(names) == len(set(names))
