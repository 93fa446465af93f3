"""Alerts on their way from a container to the hooks of the host: once a day each, and none is lost."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import ExecResult
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.alerts import deliver as module
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.alerts.deliver import deliver, main
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare

from stackhost import StackHost, fake_compose, make_container

DISK = {
    "annotations": {"summary": "the disk is full"},
    "fingerprint": "0a",
    "labels": {"alertname": "DiskFillsUp"},
    "startsAt": "2026-11-29T11:00:00Z",
}
SITE = {**DISK, "fingerprint": "0b", "labels": {"alertname": "SiteFails"}, "annotations": {"summary": "a site fails"}}


class AlertHost(StackHost):
    """A host whose stack has an Alertmanager, ``said`` is what it prints; ``sent`` are the messages of the hooks."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.said = ExecResult(0, "[]", "")
        self.asked: list[list[str]] = []
        self.failures: dict[str, str] = {}
        self.sent: list[dict[str, Any]] = []
        self.by: list[str] = []
        self.minutes = 0
        self.files["stack.yml"] = "schema: 1\ndescription: x\ntenant: acme\nalerts: web\n"
        prepare(
            StackUpRequest("app", self.files), check=False, diff=False, paths=self.paths, engine=self.engine,
            compose=fake_compose,
        )  # fmt: skip
        self.engine.running = [make_container("app", "web", project="acme-app")]
        self.settings("alert_url: https://chat.example.com/hook\n")
        self.engine.exec = self._exec  # type: ignore[attr-defined]

    def settings(self, text: str) -> None:
        self.paths.vsa_yml.parent.mkdir(parents=True, exist_ok=True)
        self.paths.vsa_yml.write_text(text, encoding="utf-8")

    def fires(self, *alerts: dict[str, Any]) -> None:
        self.said = ExecResult(0, json.dumps(alerts), "")

    def _exec(self, name: str, argv: list[str], **_more: Any) -> ExecResult:
        self.asked.append([name, *argv])
        return self.said

    def send(self, hook: str, _settings: object, message: dict[str, Any]) -> str | None:
        if hook in self.failures:
            return self.failures[hook]
        self.sent.append(message)
        self.by.append(hook)
        return None

    def now(self) -> datetime.datetime:
        return datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC) + datetime.timedelta(minutes=self.minutes)

    def run(self, minutes: int = 1) -> list[str]:
        """Run the timer's program, some minutes after the run before."""
        self.minutes += minutes
        return deliver(self.paths, self.engine)  # type: ignore[arg-type]

    @property
    def texts(self) -> list[str]:
        return [message["text"].split(": ", 1)[1] for message in self.sent]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AlertHost:
    made = AlertHost(tmp_path)
    monkeypatch.setattr(module, "send_by", made.send)
    monkeypatch.setattr(module, "time_now", made.now)
    return made


def test_an_alert_is_sent_once_and_so_is_its_end(host: AlertHost) -> None:
    assert host.run() == []
    assert host.sent == []
    assert host.asked[0][:3] == ["app-web", "amtool", "alert"]
    host.fires(DISK)
    assert host.run() == []
    assert host.run() == []
    assert host.texts == ["1 alert: the disk is full"]
    host.fires(DISK, SITE)
    host.run()
    assert host.texts[1:] == ["1 alert: a site fails"]
    host.fires(SITE)
    for _minute in range(3):
        host.run()
    assert len(host.sent) == 2, "Alertmanager may have been restarted"
    host.run()
    assert host.texts[2:] == ["1 alert resolved: the disk is full"]
    host.fires(DISK, SITE)
    host.run()
    assert host.texts[3:] == ["1 alert: the disk is full"]


def test_a_silenced_alert_is_not_resolved(host: AlertHost) -> None:
    host.fires(DISK)
    host.run()
    host.fires({**DISK, "status": {"state": "suppressed"}})
    for _minute in range(10):
        assert host.run() == []
    assert host.texts == ["1 alert: the disk is full"]


def test_a_message_that_failed_is_sent_by_the_next_run(host: AlertHost) -> None:
    host.fires(DISK)
    host.failures = {"alert_url": "alert_url failed: it answered 500"}
    assert host.run() == ["alert_url failed: it answered 500"]
    host.failures = {}
    assert host.run() == []
    assert len(host.sent) == 1
    host.fires()
    host.run()
    host.failures = {"alert_url": "alert_url failed: it answered 500"}
    assert host.run(5) == ["alert_url failed: it answered 500"]
    host.failures = {}
    host.run()
    host.run()
    assert host.texts[1:] == ["1 alert resolved: the disk is full"]


def test_one_hook_that_fails_does_not_make_the_other_one_repeat_itself(host: AlertHost) -> None:
    host.settings("alert_url: https://chat.example.com/hook\nalert_command: /usr/local/bin/tell\n")
    host.fires(DISK)
    host.failures = {"alert_url": "alert_url failed: it answered 500"}
    for _minute in range(5):
        assert host.run() == ["alert_url failed: it answered 500"]
    assert host.by == ["alert_command"]
    host.failures = {}
    assert host.run() == []
    assert host.by == ["alert_command", "alert_url"]


def test_what_cannot_be_asked_is_said_and_nothing_is_forgotten(host: AlertHost) -> None:
    host.fires(DISK)
    host.run()
    host.said = ExecResult(1, "", "connection refused")
    for _minute in range(10):
        assert host.run() == ["acme/app: web did not say which alerts fire"]
    host.fires(DISK)
    assert host.run() == []
    assert len(host.sent) == 1


def test_an_engine_that_does_not_answer_is_a_failure(host: AlertHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_words: object, **_more: object) -> ExecResult:
        raise RefusedError("Docker does not answer")

    monkeypatch.setattr(host.engine, "exec", fails)
    [line] = host.run()
    assert line.startswith("acme/app: Docker does not answer")


@pytest.mark.parametrize("text", ['{"0a 2026-11-29": "2026-11-29T11:59:00Z"}', "[]", '{"alert_url": 1}', "no JSON"])
def test_a_damaged_state_is_made_anew(host: AlertHost, text: str) -> None:
    host.paths.state.mkdir(parents=True, exist_ok=True)
    (host.paths.state / "stack-alerts.json").write_text(text, encoding="utf-8")
    host.fires(DISK)
    host.run()
    host.run()
    assert len(host.sent) == 1


def test_a_container_that_does_not_run_is_not_asked(host: AlertHost) -> None:
    host.engine.running = []
    assert host.run() == []
    assert host.asked == []


def test_a_host_without_hooks_says_so(host: AlertHost) -> None:
    host.settings("")
    assert host.run() == []
    host.fires(DISK)
    assert host.run() == ["1 alert(s) fire, and the host has neither alert_command nor alert_url"]


@pytest.mark.parametrize(("failure", "code"), [("", 0), ("alert_url failed: \x1b", 1)])
def test_systemd_learns_of_a_failure(
    host: AlertHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failure: str, code: int
) -> None:
    monkeypatch.setattr(module, "Paths", lambda: host.paths)
    monkeypatch.setattr(module, "Engine", lambda: host.engine)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "umask", lambda _mask: 0)
    host.fires(DISK)
    host.failures = {"alert_url": failure} if failure else {}
    assert main() == code
    assert "\x1b" not in capsys.readouterr().err


def test_it_needs_root(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main() == 2
    assert "root" in capsys.readouterr().err
