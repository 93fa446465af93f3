"""An alert reaches each hook of the settings, and what fails is told without the address of a webhook."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.alert import send_alert

MESSAGE = {"schema": 1, "text": "the backup failed", "backups": []}


def program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o700)
    return str(path)


def test_a_program_gets_the_message_and_its_text(tmp_path: Path) -> None:
    command = program(tmp_path / "alert", f'cat >{tmp_path}/body; echo "$VSA_ALERT_TEXT" >{tmp_path}/text')
    assert send_alert(Settings(alert_command=command), MESSAGE) == []
    assert json.loads((tmp_path / "body").read_text(encoding="utf-8")) == MESSAGE
    assert (tmp_path / "text").read_text(encoding="utf-8") == "the backup failed\n"


def test_each_hook_that_fails_is_told(tmp_path: Path) -> None:
    command = program(tmp_path / "alert", "echo out of order >&2; exit 3")
    failures = send_alert(Settings(alert_command=command, alert_url="http://127.0.0.1:9/token"), MESSAGE)
    assert len(failures) == 2
    assert "it ended with 3" in failures[0]
    assert "out of order" in failures[0]
    assert "token" not in failures[1]


def test_without_hooks_nothing_is_sent() -> None:
    assert send_alert(Settings(), MESSAGE) == []


@pytest.mark.parametrize(
    "address",
    ["https://ops:a-secret@chat.example.com/hook", "http://127.0.0.1:9/a-secret hook", "http://[a-secret/",
     "http://127.0.0.1:a-secret/", "http://127.0.0.1:9/\ta-secret", "http://127.0.0.1:9/a-secret\u00e4"],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_not_repeated(address: str) -> None:
    [failure] = send_alert(Settings(alert_url=address), MESSAGE)
    assert failure.startswith("alert_url failed: ")
    assert "a-secret" not in failure


class _Redirects(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        pass


def test_a_redirect_is_a_failure_because_it_loses_the_message() -> None:
    """Python would ask the new address with GET, and without the message."""
    with HTTPServer(("127.0.0.1", 0), _Redirects) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a-secret"
        assert send_alert(Settings(alert_url=url), MESSAGE) == ["alert_url failed: it answered 302"]
        server.shutdown()
