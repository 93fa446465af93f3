"""What Alertmanager says, and what the hooks of the host get."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.alerts import (
    Firing,
    firing_alerts,
    message_of,
    news,
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


DISK = Firing("0a1b 2026-11-29T11:00:00.000Z", "DiskFillsUp", "warning", "The disk at / is 81% full", "vsa host prune")


def test_what_fires() -> None:
    other = said(fingerprint="ff", labels={"alertname": "SiteFails", "severity": "critical"}, annotations=None)
    found = firing_alerts(json.dumps([said(), other]))
    assert found == [Firing("ff 2026-11-29T11:00:00.000Z", "SiteFails", "critical"), DISK]
    assert firing_alerts("[]") == []


@pytest.mark.parametrize("text", ["", "amtool: error", "{}", "null", "[1"])
def test_what_is_no_answer(text: str) -> None:
    assert firing_alerts(text) is None


def test_what_a_container_says_does_nothing_to_a_terminal_and_has_an_end() -> None:
    hostile = said(annotations={"summary": "\x1b[2J\n" + "x" * 1000, "action": 5}, labels="none")
    [found] = firing_alerts(json.dumps([hostile, 7])) or []
    assert "\x1b" not in found.line
    assert "\n" not in found.line
    assert len(found.summary) == 300
    assert len(firing_alerts(json.dumps([said()] * 5000)) or []) == 100


@pytest.mark.parametrize(
    ("sent", "fresh"),
    [
        ({}, [DISK]),
        ({DISK.key: "2026-11-29T11:59:00Z"}, []),
        ({DISK.key: "2026-11-28T11:59:00Z"}, [DISK]),
        # It fired before, ended, and fires again.
        ({"0a1b 2026-11-28T00:00:00.000Z": "2026-11-29T11:59:00Z"}, [DISK]),
    ],
)
def test_an_alert_is_sent_once_a_day(sent: dict[str, str], fresh: list[Firing]) -> None:
    assert news([DISK], sent, now=NOW) == fresh


def test_the_message() -> None:
    message = message_of([DISK], host="vps-01", now=NOW)
    assert message["text"] == "vps-01: 1 alert: The disk at / is 81% full (try: vsa host prune)"
    assert message["alerts"][0]["severity"] == "warning"
    assert message_of([DISK, DISK], host="vps-01", now=NOW)["text"].startswith("vps-01: 2 alerts: ")
