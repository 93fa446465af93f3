"""To whom an alert about late certificates goes, and how often."""

from __future__ import annotations

import datetime
import http.server
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.timer.alerts import Alerts

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """The file to which an alert program appends its standard input."""
    command = tmp_path / "alert"
    command.write_text(f"#!/bin/sh\n{{ cat; echo; }} >>{tmp_path}/sent\n", encoding="utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return tmp_path / "sent"


def late(**values: Any) -> list[dict[str, Any]]:
    """Return a late certificate as ``late_certificates`` does."""
    entry = {
        "domain": "shop.test", "state": "due", "not_after": "2027-01-01T00:00:00Z", "fraction_left": 0.3,
        "served": "same", "issuer": "A CA", "why": "it was not renewed",
    }  # fmt: skip
    return [{**entry, **values}]


def test_the_same_is_sent_once_a_day(sent: Path) -> None:
    settings = Settings(alert_command=str(sent.parent / "alert"))
    state = sent.parent / "state/alerts.json"
    for hours, messages in ((0, 1), (12, 1), (24, 2), (25, 2)):
        Alerts(settings, state, now=NOW + datetime.timedelta(hours=hours)).send(late())
        assert len(sent.read_text(encoding="utf-8").splitlines()) == messages, hours
    worse = [{**late()[0], "state": "expired"}]
    Alerts(settings, state, now=NOW + datetime.timedelta(hours=25)).send(worse)
    lines = [json.loads(line) for line in sent.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 3, "worse is news"
    assert lines[-1]["certificates"][0]["domain"] == "shop.test"
    assert "shop.test" in lines[-1]["text"]
    Alerts(settings, state, now=NOW).send([])
    assert json.loads(state.read_text(encoding="utf-8")) == {}, "what is well again is forgotten"


def test_silent_when_all_is_well(sent: Path) -> None:
    settings = Settings(alert_command=str(sent.parent / "alert"))
    assert Alerts(settings, sent.parent / "alerts.json", now=NOW).send([]) == []
    assert not sent.exists()
    assert not (sent.parent / "alerts.json").exists()


def test_a_hook_that_fails_is_tried_again(sent: Path) -> None:
    bad = Settings(alert_command=str(sent.parent / "nothing"))
    state = sent.parent / "alerts.json"
    said = Alerts(bad, state, now=NOW).send(late())
    assert any(line.startswith("alert_command failed: ") for line in said)
    good = Settings(alert_command=str(sent.parent / "alert"))
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


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    command = tmp_path / "alert"
    command.write_text("#!/bin/sh\necho first >&2; echo 'no mail server' >&2; exit 3\n", encoding="utf-8")
    command.chmod(0o755)
    lines = Alerts(Settings(alert_command=str(command)), tmp_path / "alerts.json", now=NOW).send(late())
    assert lines[-1] == "alert_command failed: it ended with 3 and says: no mail server"
    assert not (tmp_path / "alerts.json").exists(), "nobody got it, so the next run sends it again"


class Webhook:
    """The requests that a webhook got, and the status that it answers."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.status = 204
        self.url = ""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/token"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def test_a_webhook_gets_the_message(webhook: Webhook, tmp_path: Path) -> None:
    entries = [*late(), *late(domain="b.test", not_after=None)]
    lines = Alerts(Settings(alert_url=webhook.url), tmp_path / "alerts.json", now=NOW).send(entries)
    assert lines[-1] == "alert sent for shop.test, b.test"
    [body] = webhook.bodies
    assert body["certificates"] == entries
    assert "2 certificates late: shop.test: it was not renewed (until 2027-01-01T00:00:00Z); b.test" in body["text"]
    assert body["text"].endswith("(until unknown)")
    assert body["time"] == "2026-11-24T12:00:00Z"


def test_a_webhook_that_refuses_gets_it_again(webhook: Webhook, tmp_path: Path) -> None:
    webhook.status = 500
    hook = Settings(alert_url=webhook.url)
    assert Alerts(hook, tmp_path / "alerts.json", now=NOW).send(late())[-1] == "alert_url failed: it answered 500"
    webhook.status = 204
    assert Alerts(hook, tmp_path / "alerts.json", now=NOW).send(late())[-1] == "alert sent for shop.test"
    assert len(webhook.bodies) == 2


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda command: command.chmod(0o777), "others than root may change"),
        (lambda command: os.chown(command, 65534, 65534), "others than root may change"),
        (lambda command: command.parent.chmod(0o777), "others than root may change"),
        (lambda command: command.unlink(), "No such file or directory"),
    ],
    ids=["anybody writes it", "somebody owns it", "anybody replaces it", "it is gone"],
)
def test_a_program_that_others_could_change_is_not_run(sent: Path, spoil: Callable[[Path], object], said: str) -> None:
    if os.geteuid():
        pytest.skip("only root can give a file to somebody else")
    command = sent.parent / "alert"
    spoil(command)
    lines = Alerts(Settings(alert_command=str(command)), sent.parent / "state.json", now=NOW).send(late())
    assert said in lines[-1]
    assert not sent.exists()
