"""What Alertmanager says, and what the hooks of the host get."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.alerts import (
    Alert,
    Answers,
    Ledger,
    message_of,
    news,
    reported_alerts,
)

NOW = datetime.datetime(2026, 11, 29, 12, 0, tzinfo=datetime.UTC)


def said(**more: Any) -> dict[str, Any]:
    """Return an alert as amtool 0.33 prints it, in the parts that count."""
    return {
        "annotations": {"summary": "The disk at / is 81% full", "action": "vsa host prune"},
        "fingerprint": "0a1b",
        "labels": {"alertname": "DiskFillsUp", "severity": "warning"},
        "startsAt": "2026-11-29T11:00:00.000Z",
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
        **more,
    }


DISK = Alert("0a1b", "DiskFillsUp", "warning", "The disk at / is 81% full", "vsa host prune")
TOLD = {"stack": "acme/app", "time": "2026-11-29T11:59:00Z", "name": "DiskFillsUp", "severity": "warning",
        "summary": "The disk at / is 81% full"}  # fmt: skip
QUIET = dataclasses.replace(DISK, quiet=True)


def test_what_is_reported() -> None:
    other = said(fingerprint="ff", labels={"alertname": "SiteFails", "severity": "critical"}, annotations=None)
    assert reported_alerts(json.dumps([said(), other])) == [Alert("ff", "SiteFails", "critical"), DISK]
    assert reported_alerts("[]") == []


@pytest.mark.parametrize(
    ("state", "quiet"), [("active", False), ("suppressed", True), ("unprocessed", True), (None, False), (["x"], False)]
)
def test_a_silenced_alert_goes_on_and_is_quiet(state: object, quiet: bool) -> None:
    [found] = reported_alerts(json.dumps([said(status={"state": state})])) or []
    assert found.quiet is quiet


@pytest.mark.parametrize("text", ["", "amtool: error", "{}", "null", "[1", "[" * 100_000])
def test_what_is_no_answer(text: str) -> None:
    assert reported_alerts(text) is None


def test_what_a_container_says_does_nothing_to_a_terminal_and_has_an_end() -> None:
    hostile = said(annotations={"summary": "\x1b[2J\n" + "x" * 1000, "action": 5}, labels="none")
    [found] = reported_alerts(json.dumps([hostile, 7])) or []
    assert "\x1b" not in found.line
    assert "\n" not in found.line
    assert len(found.summary) == 300
    assert len(reported_alerts(json.dumps([said()] * 5000)) or []) == 100


def ledger(**more: str) -> Ledger:
    return {"acme/app 0a1b": {**TOLD, **more}}


@pytest.mark.parametrize(
    ("answers", "told", "firing", "resolved", "after"),
    [
        pytest.param({"acme/app": [DISK]}, {}, 1, 0, ledger(time="2026-11-29T12:00:00Z"), id="new"),
        pytest.param({"acme/app": [DISK]}, ledger(), 0, 0, ledger(), id="told within a day"),
        pytest.param(
            {"acme/app": [DISK]}, ledger(time="2026-11-28T11:59:00Z"), 1, 0, ledger(time="2026-11-29T12:00:00Z"),
            id="told a day ago",
        ),
        pytest.param({"acme/app": []}, ledger(), 0, 0, ledger(gone="2026-11-29T12:00:00Z"), id="gone since now"),
        pytest.param(
            {"acme/app": []}, ledger(gone="2026-11-29T11:58:00Z"), 0, 0, ledger(gone="2026-11-29T11:58:00Z"),
            id="gone for two minutes, as after a restart",
        ),
        pytest.param({"acme/app": []}, ledger(gone="2026-11-29T11:57:00Z"), 0, 1, {}, id="gone for three minutes"),
        pytest.param({"acme/app": [DISK]}, ledger(gone="2026-11-29T11:57:00Z"), 0, 0, ledger(), id="it came back"),
        pytest.param(
            {"acme/app": None}, ledger(gone="2026-11-29T11:00:00Z"), 0, 0, ledger(gone="2026-11-29T11:00:00Z"),
            id="missed once, and no answer since",
        ),
        pytest.param({"acme/app": None}, ledger(), 0, 0, ledger(), id="no answer"),
        pytest.param({}, ledger(), 0, 0, {}, id="the stack was taken down"),
        pytest.param({"acme/app": [QUIET]}, {}, 0, 0, {}, id="silenced before it was told"),
        pytest.param({"acme/app": [QUIET]}, ledger(), 0, 0, ledger(), id="silenced later"),
        # The alert of another stack with the same fingerprint is another alert.
        pytest.param(
            {"beta/app": [DISK], "acme/app": []}, ledger(gone="2026-11-29T11:57:00Z"), 1, 1,
            {"beta/app 0a1b": {**TOLD, "stack": "beta/app", "time": "2026-11-29T12:00:00Z"}}, id="two stacks",
        ),
        # A file that somebody wrote by hand.
        pytest.param({"acme/app": []}, {"x": {}}, 0, 0, {}, id="an entry without a stack"),
    ],
)  # fmt: skip
def test_what_a_hook_must_be_told(answers: Answers, told: Ledger, firing: int, resolved: int, after: Ledger) -> None:
    found = news(answers, told, now=NOW)
    assert (len(found.firing), len(found.resolved)) == (firing, resolved)
    assert found.after == after
    # A message that failed: the same is news again.
    again = news(answers, found.before, now=NOW)
    assert (len(again.firing), len(again.resolved)) == (firing, resolved)
    done = news(answers, found.after, now=NOW)
    assert (len(done.firing), len(done.resolved)) == (0, 0)


def test_the_message() -> None:
    message = message_of([DISK], host="vps-01", now=NOW)
    assert message["text"] == "vps-01: 1 alert: The disk at / is 81% full (try: vsa host prune)"
    assert message["alerts"][0]["severity"] == "warning"
    assert message["resolved"] == []
    assert message_of([DISK, DISK], host="vps-01", now=NOW)["text"].startswith("vps-01: 2 alerts: ")


def test_the_message_about_the_end() -> None:
    over = Alert("", "DiskFillsUp", "warning", "The disk at / is 81% full")
    message = message_of([], [over], host="vps-01", now=NOW)
    assert message["text"] == "vps-01: 1 alert resolved: The disk at / is 81% full"
    assert message["resolved"] == [
        {"name": "DiskFillsUp", "severity": "warning", "summary": "The disk at / is 81% full"}
    ]
    both = message_of([Alert("1", "SiteFails")], [over], host="vps-01", now=NOW)
    assert both["text"] == "vps-01: 1 alert: SiteFails. 1 alert resolved: The disk at / is 81% full"
