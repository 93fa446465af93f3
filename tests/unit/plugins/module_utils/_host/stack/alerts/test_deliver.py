"""Alerts on their way from a container to the hooks of the host: once a day each, and none is lost."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
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
        self.failure = ""
        self.sent: list[dict[str, Any]] = []
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

    def send(self, _settings: object, message: dict[str, Any]) -> list[str]:
        if self.failure:
            return [self.failure]
        self.sent.append(message)
        return []

    def run(self) -> list[str]:
        return deliver(self.paths, self.engine)  # type: ignore[arg-type]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AlertHost:
    made = AlertHost(tmp_path)
    monkeypatch.setattr(module, "send_alert", made.send)
    return made


def test_an_alert_is_sent_once_and_again_when_it_comes_back(host: AlertHost) -> None:
    assert host.run() == []
    assert host.sent == []
    assert host.asked[0][:3] == ["app-web", "amtool", "alert"]
    host.fires(DISK)
    assert host.run() == []
    assert host.run() == []
    assert [message["text"].split(": ", 1)[1] for message in host.sent] == ["1 alert: the disk is full"]
    host.fires(DISK, SITE)
    host.run()
    assert host.sent[1]["alerts"][0]["name"] == "SiteFails"
    assert len(host.sent[1]["alerts"]) == 1
    # It ends, which is forgotten, and fires again.
    host.fires()
    host.run()
    host.fires({**DISK, "startsAt": "2026-11-29T12:00:00Z"})
    host.run()
    assert len(host.sent) == 3


def test_a_message_that_failed_is_sent_by_the_next_run(host: AlertHost) -> None:
    host.fires(DISK)
    host.failure = "alert_url failed: it answered 500"
    assert host.run() == [host.failure]
    host.failure = ""
    assert host.run() == []
    assert len(host.sent) == 1


def test_what_cannot_be_asked_is_said_and_nothing_is_forgotten(host: AlertHost) -> None:
    host.fires(DISK)
    host.run()
    host.said = ExecResult(1, "", "connection refused")
    assert host.run() == ["acme/app: web did not say which alerts fire"]
    host.fires(DISK)
    assert host.run() == []
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
    host.failure = failure
    assert main() == code
    assert "\x1b" not in capsys.readouterr().err


def test_it_needs_root(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main() == 2
    assert "root" in capsys.readouterr().err
