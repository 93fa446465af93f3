"""Whom the host tells of which certificates: nobody while all is well, and the same trouble once a day."""

from __future__ import annotations

import datetime
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.timer.alerts import Alerts
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.timer.watch import late_certificates

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)
OPEN = {"start": "2026-11-23T00:00:00Z", "end": "2026-11-25T00:00:00Z"}
OVER = {"start": "2026-11-20T00:00:00Z", "end": "2026-11-22T00:00:00Z"}


def entry(**values: Any) -> dict[str, Any]:
    """Return what the status says of a good certificate, but for ``values``."""
    good = {
        "domain": "shop.test", "site": True, "state": "ok", "problem": None, "ca": "letsencrypt", "ari": None,
        "past_two_thirds": False, "served": "same", "not_after": "2027-01-01T00:00:00Z", "fraction_left": 0.9,
        "issuer": "A CA",
    }  # fmt: skip
    return good | values


@pytest.mark.parametrize(
    ("values", "failed", "why"),
    [
        ({}, {}, None),
        ({}, {"shop.test": "the CA is down"}, None),
        (
            {"state": "due", "past_two_thirds": True},
            {},
            "two thirds of its lifetime have passed, and it was not renewed",
        ),
        ({"state": "due", "past_two_thirds": True, "ari": OVER}, {}, "two thirds of its lifetime"),
        # The CA itself wants it later.
        ({"state": "due", "past_two_thirds": True, "ari": OPEN}, {}, None),
        ({"state": "due", "past_two_thirds": True, "ari": OPEN}, {"shop.test": "it refused"}, "it refused"),
        ({"state": "due", "past_two_thirds": True}, {"": "the disk is full"}, "the disk is full"),
        ({"state": "expired", "problem": "it expired on 2026-11-01"}, {}, "it expired on 2026-11-01"),
        ({"state": "mismatch", "problem": "not a pair"}, {}, "not a pair"),
        ({"state": "missing", "site": False}, {}, None),
        ({"served": "older"}, {}, "the proxy does not serve the certificate on disk"),
        ({"served": "newer"}, {}, None),
        ({"served": None, "site": False}, {}, None),
        ({"state": "due", "past_two_thirds": True, "site": False, "ca": "selfsigned"}, {}, None),
    ],
)
def test_what_is_late(values: dict[str, Any], failed: dict[str, str], why: str | None) -> None:
    late = late_certificates([entry(**values)], failed, now=NOW)
    assert [why is not None] == [bool(late)]
    if why:
        assert why in late[0]["why"]


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A program that appends what it is told to a file."""
    command = tmp_path / "alert"
    command.write_text(f"#!/bin/sh\n{{ cat; echo; }} >>{tmp_path}/told\n", encoding="utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return tmp_path / "told"


def late(**values: Any) -> list[dict[str, Any]]:
    return late_certificates([entry(state="due", past_two_thirds=True, **values)], {}, now=NOW)


def test_the_same_is_told_once_a_day(told: Path) -> None:
    settings = Settings(alert_command=str(told.parent / "alert"))
    state = told.parent / "state/alerts.json"
    for hours, messages in ((0, 1), (12, 1), (24, 2), (25, 2)):
        Alerts(settings, state, now=NOW + datetime.timedelta(hours=hours)).send(late())
        assert len(told.read_text(encoding="utf-8").splitlines()) == messages, hours
    worse = [{**late()[0], "state": "expired"}]
    Alerts(settings, state, now=NOW + datetime.timedelta(hours=25)).send(worse)
    lines = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 3, "worse is news"
    assert lines[-1]["certificates"][0]["domain"] == "shop.test"
    assert "shop.test" in lines[-1]["text"]
    Alerts(settings, state, now=NOW).send([])
    assert json.loads(state.read_text(encoding="utf-8")) == {}, "what is well again is forgotten"


def test_silent_when_all_is_well(told: Path) -> None:
    settings = Settings(alert_command=str(told.parent / "alert"))
    assert Alerts(settings, told.parent / "alerts.json", now=NOW).send([]) == []
    assert not told.exists()
    assert not (told.parent / "alerts.json").exists()


def test_a_hook_that_fails_is_tried_again(told: Path) -> None:
    bad = Settings(alert_command=str(told.parent / "nothing"))
    state = told.parent / "alerts.json"
    said = Alerts(bad, state, now=NOW).send(late())
    assert any(line.startswith("alert_command failed: ") for line in said)
    good = Settings(alert_command=str(told.parent / "alert"))
    assert Alerts(good, state, now=NOW).send(late())[-1] == "alert sent for shop.test"


def test_without_a_hook_the_log_says_so(tmp_path: Path) -> None:
    said = Alerts(Settings(), tmp_path / "alerts.json", now=NOW).send(late())
    assert said[0].startswith("late: shop.test: ")
    assert said[-1].startswith("no alert was sent")


def test_an_address_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("https://127.0.0.1:1/token", encoding="utf-8")
    file.chmod(0o644)
    said = Alerts(Settings(alert_url=str(file)), tmp_path / "alerts.json", now=NOW).send(late())
    assert any("chmod 600" in line for line in said)
    file.chmod(0o600)
    said = Alerts(Settings(alert_url=str(file)), tmp_path / "alerts.json", now=NOW).send(late())
    assert any(line.startswith("alert_url failed: ") for line in said)
    assert not any("token" in line for line in said), "the address is a secret"
