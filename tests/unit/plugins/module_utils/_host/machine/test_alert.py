"""An alert reaches each hook of the settings, and what fails is told without the address of a webhook."""

from __future__ import annotations

import json
from pathlib import Path

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
